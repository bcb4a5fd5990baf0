"""The folder that downloads are shared in: `~/.cache/pawprint`, or the one that PAWPRINT_CACHE names."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file


def cache_folder() -> Path:
    """Return the cache, made if it is not there.

    Raises:
        UserError: It cannot be made.
    """
    folder = cache_location()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the download cache {folder} cannot be made ({error.strerror}); name another folder in PAWPRINT_CACHE"
        ) from error
    return folder


def cache_location() -> Path:
    """Return where the cache is, whether or not it is there.

    Raises:
        UserError: It lies in the home of somebody who is not known here.
    """
    given = os.environ.get("PAWPRINT_CACHE") or "~/.cache/pawprint"
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError as error:
        raise UserError(
            f"the download cache {given} cannot be found ({error}); name another folder in PAWPRINT_CACHE"
        ) from error


def keep_made(make: Callable[[Path], object]) -> tuple[Path, str]:
    """Make a zip and keep it in the cache under its digest.

    Args:
        make: Called with the path of the zip to write.

    Returns:
        Where the zip is, and its sha256.
    """
    with TemporaryDirectory(dir=cache_folder()) as folder:
        path = Path(folder, "made.zip")
        make(path)
        sha256 = hash_file(path)
        kept = made_path(sha256)
        kept.parent.mkdir(exist_ok=True)
        path.replace(kept)
    return kept, sha256


def made_path(sha256: str) -> Path:
    """Return where the cache keeps, or would keep, a zip that was made here."""
    return cache_folder() / "made" / f"{sha256}.zip"
