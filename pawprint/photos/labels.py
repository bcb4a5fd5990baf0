"""Which class and which split each photo belongs to, read from member names alone."""

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from pawprint.photos.left_out import LeftOut
from pawprint.photos.limits import DEEPEST_FOLDER, LONGEST_NAME
from pawprint.photos.readings import Labelled

SPLITS = ("train", "validation", "test")

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "training_set": "train",
    "test": "test",
    "testing": "test",
    "test_set": "test",
    "validation": "validation",
    "validation_set": "validation",
    "val": "validation",
    "valid": "validation",
}

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".ppm", ".pgm"),
)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".txz", ".tar.bz2", ".7z", ".rar")

UNLABELLED = "no class in its folder or name"
"""Why a photo is of no use for training; one that a model is to label may be so."""

# What cameras, phones and programs put before the number: never a class.
CAMERA_PREFIXES = (
    *("img", "image", "dsc", "dscn", "dscf", "pxl", "mvimg", "photo", "photos", "pic", "picture", "p"),
    *("scan", "screenshot", "file", "frame", "untitled", "wa", "vid"),
)
DRIVE = re.compile(r"[A-Za-z]:/")
PREFIX = re.compile(r"(?P<label>[^\W\d_](?:.*?[^\W_])?)[._ -]+\d+", re.DOTALL)


def reason_to_ignore(member: str) -> str | None:
    """Return why a member is no photo of ours, or None when it is one, judging by its name.

    >>> reason_to_ignore("cats/_DS_Store"), reason_to_ignore("cats/notes.txt"), reason_to_ignore("cats/1.JPG")
    ('system file', 'not a photo', None)
    """
    path = PurePosixPath(member.replace("\\", "/"))
    name = path.name.lower()
    if "__MACOSX" in path.parts or name.startswith(".") or name in {"_ds_store", "thumbs.db", "desktop.ini"}:
        return "system file"
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return None
    return "archive within the archive" if name.endswith(ARCHIVE_SUFFIXES) else "not a photo"


def reason_unsafe(member: str) -> str | None:
    r"""Return why a member's name is not taken, wherever it might be written or shown, or None.

    Nothing is ever unpacked, so such a name could do no harm here; but whoever gave it meant some, or the archive is
    not what it seems.

    >>> reason_unsafe("../cats/1.jpg"), reason_unsafe("C:\\cats\\1.jpg"), reason_unsafe("cats/1.jpg")
    ('a path that leads out of the archive', 'a path that leads out of the archive', None)
    """
    path = member.replace("\\", "/")
    if path.startswith("/") or DRIVE.match(path) or ".." in path.split("/"):
        return "a path that leads out of the archive"
    if any(unicodedata.category(sign) == "Cs" for sign in member):
        return "a name that is not UTF-8"
    if any(unicodedata.category(sign) == "Cc" for sign in member):
        return "a name with control characters"
    if len(path) > LONGEST_NAME:
        return f"a name of more than {LONGEST_NAME:,} characters"
    return f"more than {DEEPEST_FOLDER} folders deep" if path.count("/") > DEEPEST_FOLDER else None


def prefix_label(member: str) -> str | None:
    """Return the class that a file name starts with, or None.

    >>> prefix_label("train/cat.12.jpg"), prefix_label("great_dane_7.jpg"), prefix_label("IMG_0012.jpg")
    ('cat', 'great_dane', None)
    """
    found = PREFIX.fullmatch(PurePosixPath(member).stem)
    if found is None or found["label"].lower() in CAMERA_PREFIXES:
        return None
    return found["label"]


def label_members(members: Iterable[str]) -> tuple[list[Labelled], LeftOut]:
    r"""Label every photo among the members of one archive.

    A class is the innermost folder that does not name a split (`training_set/training_set/cats/x.jpg` is
    of `cats` in the training split, as is `cats/train/x.jpg`). Where the folders tell no classes apart, as
    they hold them mixed, it is the prefix of the file name (`train/cat.12.jpg`). Only names of photos count,
    so the outcome is the same with the other files packed or left out.

    Args:
        members: Names as the archive gives them, with `/` or `\\` between folders.

    Returns:
        The labelled photos, sorted by name, and how many members were ignored for which reason.
    """
    ignored = LeftOut()
    paths: dict[str, tuple[str, ...]] = {}
    for member in members:
        reason = reason_to_ignore(member)
        if reason is None:
            paths[member] = _components(member)
        else:
            ignored.add(reason, member)
    by_prefix = _prefixes_decide(paths.values())
    train_classes = frozenset() if by_prefix else _classes_named_train({path[:-1] for path in paths.values()})
    labelled = []
    for member, path in sorted(paths.items()):
        folders = path[:-1]
        if by_prefix:
            label, around = prefix_label(path[-1]), folders
        else:
            label, around = _folder_label(folders, train_classes)
        if label is None:
            ignored.add(UNLABELLED, member)
        else:
            labelled.append(Labelled(member, label, _split_named(around)))
    return labelled, ignored


def _components(member: str) -> tuple[str, ...]:
    # macOS stores accents decomposed, others composed: the same folder must not become two classes.
    path = unicodedata.normalize("NFC", member.replace("\\", "/"))
    # Interned, as the folders of all members are held at once, and are few.
    return tuple(sys.intern(part.strip()) for part in path.split("/") if part.strip() not in {"", ".", ".."})


def _prefixes_decide(paths: Iterable[tuple[str, ...]]) -> bool:
    """Return whether file names, not folders, tell the classes apart.

    Two class folders or more speak for folders, unless each folder with photos holds the same two or more
    prefixes (`train_photos/cat.1.jpg` and `test_photos/cat.9.jpg`), or the mixed ones are split folders and
    the rest is unlabelled (`train/cat.1.jpg` beside `test1/1.jpg`, as in Kaggle's competition).
    """
    prefixes: dict[tuple[str, ...], set[str]] = defaultdict(set)
    class_folders = set()
    for path in paths:
        label, _ = _folder_label(path[:-1], frozenset())
        if label is not None:
            class_folders.add(label)
        prefix = prefix_label(path[-1])
        prefixes[path[:-1]].update([prefix] if prefix else [])
    mixed = [found for found in prefixes.values() if len(found) > 1]
    if not mixed:
        return False
    if len(class_folders) <= 1:
        return True
    if any(found != mixed[0] for found in prefixes.values() if found):
        return False
    return all(prefixes.values()) or all(_is_split(folders[-1:]) for folders, found in prefixes.items() if found)


def _classes_named_train(folders: set[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """Return the folders named `train` that are a class: the vehicle, beside `plane/`, not the split."""
    siblings = {path[:-1] for path in folders if path and not _is_split(path[-1:])}
    return frozenset(path for path in folders if path and path[-1].lower() == "train" and path[:-1] in siblings)


def _folder_label(
    folders: tuple[str, ...], train_classes: frozenset[tuple[str, ...]]
) -> tuple[str | None, tuple[str, ...]]:
    """Return the class that the folders give, and the other folders, in which a split may be named."""
    if folders in train_classes:
        return folders[-1], folders[:-1]
    for depth in range(len(folders) - 1, -1, -1):
        if not _is_split(folders[depth : depth + 1]):
            return folders[depth], folders[:depth] + folders[depth + 1 :]
    return None, folders


def _is_split(folders: tuple[str, ...]) -> bool:
    return bool(folders) and folders[0].lower() in SPLIT_FOLDERS


def _split_named(folders: tuple[str, ...]) -> str | None:
    named = [SPLIT_FOLDERS[folder.lower()] for folder in folders if folder.lower() in SPLIT_FOLDERS]
    return named[-1] if named else None
