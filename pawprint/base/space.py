"""Room on the disk: looked for before long work, and said in plain words when it runs out all the same."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pawprint.base.errors import UserError, one_line

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_WORDS = ("No space left on device", "Disk quota exceeded", "database or disk is full")
"""How libraries say it (HDF5, SQLite) that raise errors of their own."""
MEND = "free some, or name folders on another disk in PAWPRINT_CACHE and TMPDIR"


def check_space(what: str, needed: Mapping[Path, int]) -> None:
    """Check that what is about to be written has room; folders on the same disk share its room.

    Args:
        what: Is to be written, as the message begins: `the dataset`.
        needed: Bytes by the folder they go to, which need not be there yet.

    Raises:
        UserError: With the folder, what is needed and what is free.
    """
    disks: dict[int, list[Path]] = {}
    for folder in needed:
        disks.setdefault(_find_parent(folder).stat().st_dev, []).append(folder)
    for folders in disks.values():
        wanted = sum(needed[folder] for folder in folders)
        free = shutil.disk_usage(_find_parent(folders[0])).free
        if free < wanted:
            raise UserError(
                f"{what} needs {tell_size(wanted)} in {' and '.join(map(str, folders))}, "
                f"and {tell_size(free)} are free there; {MEND}"
            )


def explain_full_disk(error: BaseException, *folders: Path) -> UserError | None:
    """Return the message for an error that a full disk, or a full quota, has caused; None for any other.

    Args:
        error: As it was raised, whatever it was wrapped in since.
        folders: That may have been written to, beside the temporary folder and the one the error names.
    """
    for cause in _causes(error):
        if getattr(cause, "errno", None) not in FULL and not any(words in str(cause) for words in FULL_WORDS):
            continue
        named = [Path(cause.filename).parent] if isinstance(cause, OSError) and cause.filename else []
        places = dict.fromkeys(map(_find_parent, [*named, Path(tempfile.gettempdir()), *folders]))
        room = {place: shutil.disk_usage(place).free for place in places}
        told = ", ".join(f"{tell_size(free)} are free in {place}" for place, free in sorted(room.items()))
        return UserError(f"a disk is full ({_tell(cause)}); more is needed than there is: {told}; {MEND}")
    return None


def tell_size(size: int) -> str:
    """Say a number of bytes.

    >>> tell_size(2_500_000), tell_size(999)
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


def _tell(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text)[:200]


def _find_parent(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would change the name that the person knows
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
