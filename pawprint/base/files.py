"""A file's sha256, by which everything here is known again."""

import hashlib
from pathlib import Path


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
