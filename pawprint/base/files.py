"""The project's folder, a file's digest, files written whole, and times as manifests have them."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The folder with MLproject: of a checkout, or of MLflow's own clone."""


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_durably(content: bytes, path: Path) -> None:
    """Write a file so that at any moment, a power cut included, either all of it is there or nothing."""
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    if os.name == "nt":
        return  # a folder cannot be opened there, and need not be
    # The rename is kept in the folder's own list of names.
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def written_at(path: Path) -> str:
    """Return when a file or folder was last written, in the same form."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
