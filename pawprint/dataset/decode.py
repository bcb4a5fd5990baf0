"""From a photo's bytes to the square of pixels a network sees.

Preprocess and the served model both call `decode_photo`, so what a model answers in production is computed from
the same pixels as what it was trained and scored on.
"""

import io
import math
import threading
from collections.abc import Iterable, Iterator
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageMode, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, ROWSPERSTRIP, TiffImageFile

MAX_PIXELS = 89_000_000
"""A photo of more pixels is refused: it is a decompression bomb or no photo. Pillow warns a little above this."""

USUAL_BYTES = 5
"""What a pixel takes at most in the decoders that MAX_PIXELS was measured with."""

DECODER_BYTES = MappingProxyType({"WEBP": 16, "AVIF": 16})
"""What it takes in those that hold several copies of the whole picture: 34 bytes of WebP could ask for 1.4 GB. Such
photos may have as many pixels as take the same memory."""

LARGE_PIXELS = 16_000_000
"""A photo of more is shrunk in bands, and one at a time: four bytes a pixel, with copies, would be gigabytes."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM")
"""What is tried. A list of its own, since Pillow's includes formats that start other programs (EPS)."""

JPEGS = frozenset({"JPEG", "MPO"})
"""What Pillow calls a JPEG; MPO is one with more pictures behind the first, as phones make them."""

_BAND_ROWS = 256
_one_large_at_a_time = threading.Lock()

# What each EXIF orientation asks to be done to the stored pixels (EXIF 2.3, tag 0x0112).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadablePhoto(Exception):  # noqa: N818 (a finding about one photo)
    """Bytes that no photo can be made of; the message is the reason, for `quarantine.csv`."""


def decode_photo(data: bytes, side: int) -> npt.NDArray[np.uint8]:
    """Decodes a photo, upright and in RGB, into a square of `side` pixels.

    The shorter edge is resized to `side` and the middle of the longer one is kept: proportions stay as they are,
    and of a 3:1 panorama the outer two thirds are cut off. The first frame stands for an animation. What is
    transparent is laid on white. 16-bit greys are scaled down to 8 bits; colour profiles are not applied.

    Args:
        data: the whole file, in one of `FORMATS`.
        side: pixels of the square's side.

    Returns:
        uint8 `[side, side, 3]`.

    Raises:
        UnreadablePhoto: the bytes are empty, of no known format, truncated, corrupt or of too many pixels.
    """
    if not data:
        raise UnreadablePhoto("empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _decode(image, side)
    except UnreadablePhoto:
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto(_describe_unknown(data)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadablePhoto(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:
        # Decoders meet hostile bytes: Pillow raises OSError, SyntaxError, ValueError, struct.error, EOFError,
        # IndexError and more for them. Whichever it is, this one photo is unreadable, and its neighbours are not.
        raise UnreadablePhoto(f"corrupt or truncated ({type(error).__name__}: {error})") from None


def _decode(image: Image.Image, side: int) -> npt.NDArray[np.uint8]:
    width, height = image.size
    most = MAX_PIXELS * USUAL_BYTES // max(USUAL_BYTES, _decoder_bytes(image))
    if width * height > most:
        raise UnreadablePhoto(f"{width}×{height}: more than {most:,} pixels")
    orientation = _read_orientation(image)
    if image.format in JPEGS:
        # The decoder halves, quarters or eighths a photo while it decodes, by averaging; at least `side` is left.
        image.draft(image.mode, (side, side))
    if image.width * image.height > LARGE_PIXELS:
        with _one_large_at_a_time:
            rgb = _shrink(image, side)
    else:
        rgb = _convert_to_rgb(image, deep=_is_deep([image]))
    width, height = rgb.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    square = rgb.resize(
        (side, side), Image.Resampling.LANCZOS, box=(left, top, left + short, top + short), reducing_gap=3.0
    )
    # A centred square may be turned after it was cut, which costs less than turning the whole photo.
    if orientation in _UPRIGHT:
        square = square.transpose(_UPRIGHT[orientation])
    return np.asarray(square, dtype=np.uint8)


def _decoder_bytes(image: Image.Image) -> int:
    if image.format in JPEGS and "progressive" in image.info:  # each channel's coefficients are held to the last scan
        return 2 * len(image.getbands())
    if isinstance(image, TiffImageFile):  # unpacked a strip at a time, which may be the whole picture
        strip: float = min(1, image.tag_v2.get(ROWSPERSTRIP, image.height) / image.height)
        bits: int = sum(image.tag_v2.get(BITSPERSAMPLE, (1,)))
        return 4 + math.ceil(strip * bits / 8)
    return DECODER_BYTES.get(str(image.format), USUAL_BYTES)


def _describe_unknown(data: bytes) -> str:
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
        return "a HEIC photo, which is not read: convert it to JPEG"
    return f"not a photo in a known format (starts with {data[:8]!r})"


def _read_orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        return 1  # broken metadata on good pixels: the photo is taken as it lies


def _shrink(image: Image.Image, side: int) -> Image.Image:
    """Returns a large photo in RGB, its shorter edge three times the side or a little more, never held whole in RGB."""
    image.load()
    factor = max(1, min(image.size) // (3 * side))
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    deep = _is_deep(_cut_bands(image, _BAND_ROWS))
    rows = max(1, _BAND_ROWS // factor)
    for number, band in enumerate(_cut_bands(image, rows * factor)):
        small.paste(_convert_to_rgb(band, deep=deep).reduce(factor), (0, number * rows))
    return small


def _cut_bands(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _has_deep_mode(image: Image.Image) -> bool:
    """Says whether a pixel has 16 or 32 bits: that of mode I or of a kind of I;16."""
    return ImageMode.getmode(image.mode).typestr.endswith(("2", "4"))


def _is_deep(images: Iterable[Image.Image]) -> bool:
    """Says whether the pixels of what has room for more than 8 bits use it."""
    return any(_has_deep_mode(image) and np.asarray(image).max(initial=0) > 255 for image in images)


def _convert_to_rgb(image: Image.Image, *, deep: bool) -> Image.Image:
    if image.mode == "F":
        raise UnreadablePhoto("floating-point pixels have no agreed brightness")
    if _has_deep_mode(image):
        values = np.asarray(image).astype(np.int64)
        if deep:
            values = values.clip(0, 65535) // 257
        return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")
