"""The time, as manifests have it."""

from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def written_at(path: Path) -> str:
    """Return when a file or folder was last written, in the same form."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
