"""Free disk space: checked before long work, and explained in plain words when a disk is full."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pawprint.base.errors import UserError, one_line

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_WORDS = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""How libraries that raise their own errors (HDF5, SQLite) report a full disk."""
MEND = "free some, or name folders on another disk in PAWPRINT_CACHE and TMPDIR"


def check_space(what: str, needed: Mapping[Path, int]) -> None:
    """Check that there is room for the files about to be written; folders on the same disk share its free space.

    Args:
        what: What is to be written; the message starts with it, such as `the dataset`.
        needed: The bytes needed in each folder; a folder need not exist yet.

    Raises:
        UserError: Too little is free. The message names the folder, the bytes needed and the bytes free.
    """
    disks: dict[int, list[Path]] = {}
    for folder in needed:
        disks.setdefault(_find_parent(folder).stat().st_dev, []).append(folder)
    for folders in disks.values():
        wanted = sum(needed[folder] for folder in folders)
        free = shutil.disk_usage(_find_parent(folders[0])).free
        if free < wanted:
            raise UserError(
                f"{what} needs {format_size(wanted)} in {' and '.join(map(str, folders))}, "
                f"and {format_size(free)} are free there; {MEND}"
            )


def explain_full_disk(error: BaseException, *folders: Path) -> UserError | None:
    """Return the message for an error caused by a full disk or a full quota; None for any other error.

    Args:
        error: The error as it was caught; its causes are searched too.
        folders: Folders that may have been written to, besides the temporary folder and the one the error names.
    """
    for cause in _causes(error):
        if getattr(cause, "errno", None) not in FULL and not any(words in str(cause) for words in FULL_WORDS):
            continue
        named = [Path(cause.filename).parent] if isinstance(cause, OSError) and cause.filename else []
        places = dict.fromkeys(map(_find_parent, [*named, Path(tempfile.gettempdir()), *folders]))
        room = {place: shutil.disk_usage(place).free for place in places}
        space = ", ".join(f"{format_size(free)} are free in {place}" for place, free in sorted(room.items()))
        return UserError(f"a disk is full ({_describe(cause)}); more is needed than there is: {space}; {MEND}")
    return None


def format_size(size: int) -> str:
    """Return a number of bytes with a unit.

    >>> format_size(2_500_000), format_size(999)
    ('2.5 MB', '999 bytes')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _describe(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text)[:200]


def _find_parent(folder: Path) -> Path:
    """Return the folder if it exists, else its nearest existing parent."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would show another path than the user gave
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
