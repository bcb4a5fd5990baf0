"""The project folder, the digest of a file, and times as the manifests write them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The folder with MLproject: a checkout, or MLflow's own clone."""


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """Return the current time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def written_at(path: Path) -> str:
    """Return when a file or folder was last written, in the same format as `now`."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
