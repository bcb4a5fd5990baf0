"""The project's folder, a file's digest, and times as manifests have them."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).parents[2]
"""The folder with MLproject: of a checkout, or of MLflow's own clone."""


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def written_at(path: Path) -> str:
    """Return when a file or folder was last written, in the same form."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
