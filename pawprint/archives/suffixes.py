"""Choose a photo's suffix by its first bytes."""

from pawprint.archives.members import PHOTO_SUFFIXES, suffix_of

MAGIC = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"P6", ".ppm"),
    (b"P5", ".pgm"),
)


def find_suffix(data: bytes, name: str = "") -> str | None:
    r"""Return the suffix for a photo's bytes, else that of its name, or None if neither is a photo's.

    >>> find_suffix(b"\xff\xd8\xff\xe0", "1.png"), find_suffix(b"RIFF0000WEBPVP8 "), find_suffix(b"text", "1.txt")
    ('.jpg', '.webp', None)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[4:8] == b"ftyp" and data[8:12] in {b"avif", b"avis"}:
        return ".avif"
    known = next((suffix for magic, suffix in MAGIC if data.startswith(magic)), None)
    suffix = suffix_of(name)
    return known or (suffix if data and suffix in PHOTO_SUFFIXES else None)
