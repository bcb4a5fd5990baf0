"""The cache folder that all downloads share: `~/.cache/pawprint`, or the folder in PAWPRINT_CACHE."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file


def cache_folder() -> Path:
    """Return the cache folder; create it if needed.

    Raises:
        UserError: The folder cannot be created.
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
    """Return the path of the cache folder, whether or not it exists.

    Raises:
        UserError: The path names the home folder of an unknown user.
    """
    given = os.environ.get("PAWPRINT_CACHE") or "~/.cache/pawprint"
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError as error:
        raise UserError(
            f"the download cache {given} cannot be found ({error}); name another folder in PAWPRINT_CACHE"
        ) from error


def keep_made(make: Callable[[Path], object]) -> tuple[Path, str]:
    """Make a zip and keep it in the cache, named by its digest.

    Args:
        make: Called with the path where the zip is to be written.

    Returns:
        The path of the zip, and its sha256.
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
    """Return the path in the cache for a zip made on this machine; it may not exist yet."""
    return cache_folder() / "made" / f"{sha256}.zip"
