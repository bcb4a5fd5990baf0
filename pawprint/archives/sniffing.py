"""Recognise the kind of a file by its first bytes."""

import zipfile
from pathlib import Path

from pawprint.archives.tars import is_tar

MAGIC = (
    (b"PK\x03\x04", "a zip that is cut short or damaged"),
    (b"PK\x05\x06", "an empty zip"),
    (b"\xff\xd8\xff", "a JPEG photo"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "gzip data that holds no complete tar"),
    (b"\xfd7zXZ", "xz data that holds no complete tar"),
    (b"BZh", "bzip2 data that holds no complete tar"),
)


def starts_as_photo(head: bytes) -> bool:
    r"""Return whether the first bytes (16 or more) are those of a photo in a format that can be decoded.

    >>> starts_as_photo(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0"), starts_as_photo(b"BM, said the text")
    (True, False)
    """
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"))
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head.startswith(b"BM") and head[6:10] == bytes(4))
        or (head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"})
        or (head[:2] in {b"P5", b"P6"} and head[2:3].isspace())
    )


def looks_like_html(head: bytes) -> bool:
    r"""Return whether the first bytes are those of a web page.

    >>> looks_like_html(b"\n<!DOCTYPE html><html>"), looks_like_html(b"PK")
    (True, False)
    """
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script"))


def starts_as_archive(head: bytes) -> bool:
    r"""Return whether the first bytes are those of a zip or a compressed tar, complete or not.

    >>> starts_as_archive(b"PK\x03\x04"), starts_as_archive(b"just some words")
    (True, False)
    """
    return head.startswith((b"PK", b"\x1f\x8b", b"\xfd7zXZ", b"BZh")) or head[257:262] == b"ustar"


def describe_bytes(head: bytes) -> str:
    """Return a description of the first bytes (about 64 or more).

    >>> describe_bytes(b"<html><body>Sign in</body></html>"), describe_bytes(b"")
    ('an HTML page', 'an empty file')
    """
    if not head:
        return "an empty file"
    if looks_like_html(head):
        return "an HTML page"
    for magic, words in MAGIC:
        if head.startswith(magic):
            return words
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return f"text: {head[:32].decode('utf-8', 'replace')!r}"
    return f"bytes {head[:8].hex(' ')}"


def describe_file(path: Path) -> str:
    """Return a description of a file's kind."""
    with path.open("rb") as file:
        return describe_bytes(file.read(256))


def archive_kind(path: Path) -> str | None:
    """Return "folder", "zip" or "tar" (compressed or not), or None for anything else."""
    if path.is_dir():
        return "folder"
    with path.open("rb") as file:
        head = file.read(4)
    # is_tar comes before the looser zip test, which looks at the end of the file: a tar whose last member is a zip
    # would pass it.
    if head[:2] != b"PK" and is_tar(path):
        return "tar"
    try:
        return "zip" if zipfile.is_zipfile(path) else None
    except zipfile.BadZipFile:
        return "zip"  # maybe one part of a split zip: the code that opens it reports what is wrong
