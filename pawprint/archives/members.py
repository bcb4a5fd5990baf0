"""What a member of an archive or a folder is, judging by its name: a photo, another file, or an unsafe name."""

import re
from posixpath import splitext

from pawprint.archives.limits import DEEPEST_FOLDER, LONGEST_NAME
from pawprint.archives.name_words import KNOWN_SUFFIXES, LITTER_FILES, LITTER_FOLDERS

SPLITS = ("train", "validation", "test")

PHOTO_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".ppm", ".pgm"),
)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".txz", ".tar.bz2", ".7z", ".rar")

NO_PHOTO = "not a photo"
UNLABELLED = "no class in its folder or name"
"""Why a photo cannot be used for training; predict takes such photos."""

DRIVE = re.compile(r"[A-Za-z]:/")
SURROGATE = re.compile(r"[\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def reason_to_ignore(member: str) -> str | None:
    """Return why a member is not one of our photos, or None if it is one, judging by its name.

    >>> reason_to_ignore("cats/_DS_Store"), reason_to_ignore("cats/notes.txt"), reason_to_ignore("cats/1.JPG")
    ('system file', 'not a photo', None)
    """
    if is_litter(member):
        return "system file"
    if suffix_of(member) in PHOTO_SUFFIXES:
        return None
    return "archive within the archive" if member.lower().endswith(ARCHIVE_SUFFIXES) else NO_PHOTO


def is_litter(member: str) -> bool:
    """Return whether a system or a program left a file there: hidden files, previews, deleted files.

    >>> is_litter("cats/@eaDir/1.jpg/thumb.jpg"), is_litter("cats/Thumbs.db"), is_litter("./cats/1.jpg")
    (True, True, False)
    """
    parts = member.replace("\\", "/").lower().split("/")
    return parts[-1] in LITTER_FILES or any(
        part in LITTER_FOLDERS or (part.startswith(".") and part not in {".", ".."}) for part in parts
    )


def suffix_of(member: str) -> str:
    """Return a member's suffix in lower case, with its dot. Uses plain strings: an archive may hold a million members.

    >>> suffix_of("cats.old/1.JPG"), suffix_of("cats.old/1"), suffix_of("cats/.jpg"), suffix_of("cats/1.")
    ('.jpg', '', '', '')
    """
    suffix = splitext(member.replace("\\", "/"))[1].lower()
    return suffix if suffix != "." else ""


def may_be_photo(member: str) -> bool:
    """Return whether a file without a photo's name may be a photo by its content.

    >>> may_be_photo("cats/1"), may_be_photo("cats/1.jpg_large"), may_be_photo("cats/1.JPG?w=800")
    (True, True, True)
    >>> may_be_photo("notes.txt"), may_be_photo("inner.zip"), may_be_photo("cats/.DS_Store")
    (False, False, False)
    """
    return bool(member) and suffix_of(member) not in KNOWN_SUFFIXES and reason_to_ignore(member) == NO_PHOTO


def reason_unsafe(member: str) -> str | None:
    r"""Return why a member's name is unsafe to write or show, or None.

    Nothing is ever unpacked to disk, so such a name could do no harm here. But its author meant harm, or the archive
    is not what it seems.

    >>> reason_unsafe("../cats/1.jpg"), reason_unsafe("C:\\cats\\1.jpg"), reason_unsafe("cats/1.jpg")
    ('a path that leads out of the archive', 'a path that leads out of the archive', None)
    """
    path = member.replace("\\", "/")
    if path.startswith("/") or DRIVE.match(path) or ".." in path.split("/"):
        return "a path that leads out of the archive"
    if SURROGATE.search(member):
        return "a name that is not UTF-8"
    if CONTROL.search(member):
        return "a name with control characters"
    if len(path) > LONGEST_NAME:
        return f"a name of more than {LONGEST_NAME:,} characters"
    return f"more than {DEEPEST_FOLDER} folders deep" if path.count("/") > DEEPEST_FOLDER else None
