"""The project folder, files written whole, JSON, digests, and times as the manifests write them."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

PROJECT = Path(__file__).resolve().parents[2]
"""The folder with MLproject: a checkout, or MLflow's own clone; seen through the links in gpu/, too."""


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a path beside a file to write to, which becomes the file once all went well: nobody sees half of it.

    Each call has a name of its own, so that several processes can write the same file at once.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(content: Mapping[str, Any], path: Path, **options: Any) -> None:
    """Write JSON for people too: indented, every character as it is. The options are those of `json.dumps`."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, **options) + "\n", encoding="utf-8")


def local_path(location: str) -> Path | None:
    """Return where a path or a `file:` URI is on this machine, or None for a location that is elsewhere.

    >>> local_path("file:///data/my%20photos.zip").as_posix(), local_path("s3://bucket/photos.zip")
    ('/data/my photos.zip', None)
    """
    parsed = urlsplit(location)
    if parsed.scheme == "file":
        return Path(url2pathname(parsed.path))
    # A drive letter on Windows parses as a scheme of one letter.
    return Path(location) if len(parsed.scheme) <= 1 else None


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
    """Return the current time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def written_at(path: Path) -> str:
    """Return when a file or folder was last written, in the same format as `now`."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
