"""What a member of an archive or a folder is by its name: a photo, something else, or one that is not taken."""

import re
import unicodedata
from pathlib import PurePosixPath

from pawprint.photos.limits import DEEPEST_FOLDER, LONGEST_NAME
from pawprint.photos.name_words import KNOWN_SUFFIXES, LITTER_FILES, LITTER_FOLDERS

SPLITS = ("train", "validation", "test")

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".ppm", ".pgm"),
)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".txz", ".tar.bz2", ".7z", ".rar")

NO_PHOTO = "not a photo"
UNLABELLED = "no class in its folder or name"
"""Why a photo is of no use for training; one that a model is to label may be so."""

DRIVE = re.compile(r"[A-Za-z]:/")


def reason_to_ignore(member: str) -> str | None:
    """Return why a member is no photo of ours, or None when it is one, judging by its name.

    >>> reason_to_ignore("cats/_DS_Store"), reason_to_ignore("cats/notes.txt"), reason_to_ignore("cats/1.JPG")
    ('system file', 'not a photo', None)
    """
    path = PurePosixPath(member.replace("\\", "/"))
    name = path.name.lower()
    if is_litter(path):
        return "system file"
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return None
    return "archive within the archive" if name.endswith(ARCHIVE_SUFFIXES) else NO_PHOTO


def is_litter(path: PurePosixPath) -> bool:
    """Return whether a system or a program left a file there: hidden ones, copies for previews, what was deleted.

    >>> is_litter(PurePosixPath("cats/@eaDir/1.jpg/thumb.jpg")), is_litter(PurePosixPath("./cats/1.jpg"))
    (True, False)
    """
    return path.name.lower() in LITTER_FILES or any(
        (part.startswith(".") and part != "..") or part.lower() in LITTER_FOLDERS for part in path.parts
    )


def may_be_photo(member: str) -> bool:
    """Return whether a file that is no photo by its name may be one by its content.

    >>> may_be_photo("cats/1"), may_be_photo("cats/1.jpg_large"), may_be_photo("cats/1.JPG?w=800")
    (True, True, True)
    >>> may_be_photo("notes.txt"), may_be_photo("inner.zip"), may_be_photo("cats/.DS_Store")
    (False, False, False)
    """
    path = PurePosixPath(member.replace("\\", "/"))
    name = path.name.lower()
    return bool(name) and path.suffix.lower() not in KNOWN_SUFFIXES and reason_to_ignore(member) == NO_PHOTO


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
