"""Check a photo's bytes against the checksums in its own file, as far as its format has them.

PNG has a CRC for each chunk, but Pillow checks only those before the pixels (Pillow#5800), so a flipped bit in the
pixels would show as another picture. Here every chunk is checked, texts and later frames included, because the damaged
chunk is unknown and a text may hold the orientation. PNG's inner Adler-32 is not checked: the CRCs cover its bytes.
TIFF's deflated strips have an Adler-32 each, which libtiff ignores if a flipped bit makes a strip longer. JPEG, WebP,
GIF, AVIF, HEIC, JPEG 2000, BMP and PPM have no checksum over the pixels; inside a zip, the zip's own applies.
"""

import math
import zlib

from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILEOFFSETS,
    TiffImageFile,
)

DEFLATED = frozenset({8, 32946})
"""Values of TIFF's tag Compression for strips compressed by zlib."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_SLACK = 2**20


def find_png_damage(data: bytes) -> str | None:
    """Return the checksum error of a PNG, or None; None for any other file.

    >>> chunk = (0).to_bytes(4) + b"IEND" + zlib.crc32(b"IEND").to_bytes(4)
    >>> find_png_damage(PNG_SIGNATURE + chunk), find_png_damage(PNG_SIGNATURE + chunk[:-1] + b"?")
    (None, 'the checksum of its chunk IEND is wrong')
    """
    if not data.startswith(PNG_SIGNATURE):
        return None
    bytes_of = memoryview(data)
    at = len(PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if at + 12 > len(data):
            return "its end is missing"
        end = at + 8 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if end + 4 > len(data):
            return "its end is missing"
        if zlib.crc32(bytes_of[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return f"the checksum of its chunk {kind.decode('latin-1')} is wrong"
        at = end + 4
    return None


def find_tiff_damage(data: bytes, image: Image.Image) -> str | None:
    """Return the checksum error in a TIFF's deflated strips, or None; None for any other file.

    Args:
        data: the whole file.
        image: the same file, opened.
    """
    if not isinstance(image, TiffImageFile) or image.tag_v2.get(COMPRESSION) not in DEFLATED:
        return None
    tags = image.tag_v2
    offsets = tags.get(STRIPOFFSETS) or tags.get(TILEOFFSETS) or ()
    lengths = tags.get(STRIPBYTECOUNTS) or tags.get(TILEBYTECOUNTS) or ()
    pixels = image.width * image.height
    left = _SLACK + 2 * math.ceil(pixels * sum(tags.get(BITSPERSAMPLE, (1,))) / 8)  # tiles may extend over the edge
    for offset, length in zip(offsets, lengths, strict=False):
        strip = zlib.decompressobj()
        packed = data[offset : offset + length]
        try:
            while packed and not strip.eof and left > 0:
                left -= len(strip.decompress(packed, _SLACK))
                packed = strip.unconsumed_tail
        except zlib.error as error:
            return f"a strip is no longer what was written: {error}"
        if left <= 0:
            return "it holds more pixels than it says"
    return None
