"""Decode a photo's bytes into the square of pixels that a network sees.

Preprocess and the served model both call `decode_photo`, so a model in production gets its pixels in the same way as in
training and evaluation.
"""

import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, ROWSPERSTRIP, TiffImageFile

from pawprint.dataset.brightness import NOT_READ, choose_range, is_deep, is_inverted, scale_to_8_bits
from pawprint.dataset.checksums import find_png_damage, find_tiff_damage
from pawprint.dataset.colours import choose_ground, convert_to_srgb, lay_on, takes_cmyk
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.dataset.framing import UPRIGHT, complete_square, needed_size, resize_to_fit
from pawprint.dataset.heif import MissingLibraryError, is_heif, open_heif

MAX_PIXELS = 89_000_000
"""Largest number of pixels of a photo; a larger one is a decompression bomb. Pillow warns slightly above this."""

USUAL_BYTES = 5
"""Most bytes a pixel takes in the decoders that MAX_PIXELS was measured with."""

DECODER_BYTES = MappingProxyType({"WEBP": 16, "AVIF": 16, "HEIF": 16, "JPEG2000": 30})
"""Bytes a pixel takes in decoders that hold several copies of the picture: 34 bytes of WebP could ask for 1.4 GB. The
limit on pixels is lower for these formats, so that the memory stays the same."""

LARGE_PIXELS = 16_000_000
"""Photos with more pixels are shrunk in bands, and one at a time: whole, each would take gigabytes."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM", "JPEG2000")
"""Formats that are tried, besides HEIC. Pillow's own list includes formats that start other programs (EPS)."""

JPEGS = frozenset({"JPEG", "MPO"})
"""Pillow's names for JPEG; an MPO is a JPEG with further pictures behind the first, as phones write them."""

_BAND_ROWS = 256
_one_large_at_a_time = threading.Lock()


class UnreadablePhoto(Exception):  # noqa: N818 (a finding about one photo)
    """The bytes cannot be decoded to a photo; the message is the reason, for `quarantine.csv`."""


def decode_photo(data: bytes, side: int, decoding: Decoding = USUAL) -> npt.NDArray[np.uint8]:
    """Decode a photo, upright and in sRGB, into a square of `side` pixels.

    Usually the shorter edge is resized to `side` and the middle of the longer one is kept: proportions do not change,
    and a 3:1 panorama loses its outer two thirds. `decoding` may ask for another fit. An animation is represented by
    its first frame. Transparent pixels are put on white, or on black if nothing would be visible on white. Pixels of
    more than 8 bits are scaled, and colour profiles are applied.

    Args:
        data: the whole file, in one of `FORMATS` or HEIC.
        side: side of the square in pixels.
        decoding: the decoding of the photo's collection, or of the model's training photos.

    Returns:
        uint8 `[side, side, 3]`.

    Raises:
        UnreadablePhoto: the bytes are empty, of no known format, truncated, corrupt or of too many pixels.
    """
    with open_photo(data) as image:
        return _decode(image, side, decoding)


@contextmanager
def open_photo(data: bytes) -> Iterator[Image.Image]:
    """Open a photo from a stranger; any error here or in the caller's block becomes a single reason.

    Raises:
        UnreadablePhoto: as in `decode_photo`.
    """
    if not data:
        raise UnreadablePhoto("empty file")
    try:
        if damage := find_png_damage(data):
            raise UnreadablePhoto(f"corrupt or truncated ({damage})")
        with open_header(data) as image:
            _check_pixels(image)
            if damage := find_tiff_damage(data, image):
                raise UnreadablePhoto(f"corrupt or truncated ({damage})")
            yield image
    except UnreadablePhoto:
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto(f"not a photo in a known format (starts with {data[:8]!r})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadablePhoto(f"more than {MAX_PIXELS:,} pixels") from None
    except MissingLibraryError as error:
        raise UnreadablePhoto(str(error)) from None
    except Exception as error:
        # Over hostile bytes, Pillow raises OSError, SyntaxError, ValueError, struct.error, EOFError, IndexError and
        # more. In any case this one photo is unreadable, and the others are not affected.
        raise UnreadablePhoto(f"corrupt or truncated ({type(error).__name__}: {error})") from None


def open_header(data: bytes) -> Image.Image:
    """Open a photo from a stranger to read its header only; raises whatever Pillow raises."""
    return open_heif(data) if is_heif(data) else Image.open(io.BytesIO(data), formats=FORMATS)


def read_orientation(image: Image.Image) -> int:
    """Return a photo's EXIF orientation, 1 to 8; before loading, with the turn that Pillow makes on loading."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        return 1  # broken metadata, good pixels: the photo is used as stored


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height in pixels of a photo that is not loaded yet, once it is upright."""
    width, height = image.size
    # Pillow already gives a TIFF's size as turned.
    turned = image.format != "TIFF" and read_orientation(image) >= 5
    return (height, width) if turned else (width, height)


def _check_pixels(image: Image.Image) -> None:
    width, height = image.size
    most = MAX_PIXELS * USUAL_BYTES // max(USUAL_BYTES, _decoder_bytes(image))
    if width * height > most:
        raise UnreadablePhoto(f"{width}×{height}: more than {most:,} pixels")


def _decoder_bytes(image: Image.Image) -> int:
    if image.format in JPEGS and "progressive" in image.info:  # all coefficients are kept until the last scan
        return 2 * len(image.getbands())
    if isinstance(image, TiffImageFile):  # unpacked one strip at a time; a strip may be the whole picture
        strip: float = min(1, image.tag_v2.get(ROWSPERSTRIP, image.height) / image.height)
        bits: int = sum(image.tag_v2.get(BITSPERSAMPLE, (1,)))
        return 4 + math.ceil(strip * bits / 8) + (4 if read_orientation(image) in UPRIGHT else 0)  # a copy
    return DECODER_BYTES.get(str(image.format), USUAL_BYTES)


def _decode(image: Image.Image, side: int, decoding: Decoding) -> npt.NDArray[np.uint8]:
    needed = needed_size(image.size, side, decoding.fit)
    if image.format in JPEGS:
        # The JPEG decoder can halve, quarter or eighth a photo by averaging while it decodes; at least `needed`
        # remains.
        image.draft(image.mode, needed)
    profile = image.info.get("icc_profile")
    if image.width * image.height > LARGE_PIXELS:
        with _one_large_at_a_time:
            image.load()
            flat = _shrink(image, needed, decoding)
    else:
        image.load()
        flat = _choose_conversion(image, lambda: iter([image]), decoding)(image)
    # Turning is cheaper after the photo is cut and shrunk. Pillow turns TIFFs itself on loading, and then reports them
    # as upright.
    small = resize_to_fit(flat, side, decoding.fit)
    orientation = read_orientation(image)
    if orientation in UPRIGHT:
        small = small.transpose(UPRIGHT[orientation])
    return np.asarray(complete_square(convert_to_srgb(small, profile), side), dtype=np.uint8)


def _shrink(image: Image.Image, needed: tuple[int, int], decoding: Decoding) -> Image.Image:
    """Return a large photo shrunk to about three times the needed size, without ever holding it whole in RGB."""
    factor = max(1, min(image.width // (3 * needed[0]), image.height // (3 * needed[1])))
    convert = _choose_conversion(image, lambda: _cut_bands(image, _BAND_ROWS), decoding)
    rows = max(1, _BAND_ROWS // factor)
    shrunk = [convert(band).reduce(factor) for band in _cut_bands(image, rows * factor)]
    small = Image.new(shrunk[0].mode, (-(-image.width // factor), -(-image.height // factor)))
    for number, band in enumerate(shrunk):
        small.paste(band, (0, number * rows))
    return small


def _cut_bands(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _choose_conversion(
    image: Image.Image, bands: Callable[[], Iterator[Image.Image]], decoding: Decoding
) -> Callable[[Image.Image], Image.Image]:
    """Return the function that converts a band to RGB, or to CMYK if a profile defines that."""
    if is_deep(image):
        limits, inverted = choose_range(image, bands(), decoding), is_inverted(image)
        if limits is None:
            raise UnreadablePhoto(NOT_READ)
        return lambda band: scale_to_8_bits(band, limits, inverted=inverted).convert("RGB")
    if image.has_transparency_data and any(_is_see_through(band) for band in bands()):
        ground = choose_ground(map(_with_alpha, bands()))
        return lambda band: lay_on(_with_alpha(band), ground)
    if image.mode == "CMYK" and takes_cmyk(image.info.get("icc_profile")):
        return lambda band: band
    return lambda band: band.convert("RGB")


def _with_alpha(band: Image.Image) -> Image.Image:
    return band if band.mode == "RGBA" else band.convert("RGBA")


def _is_see_through(band: Image.Image) -> bool:
    lowest, _ = _with_alpha(band).getchannel("A").getextrema()
    return lowest != 255
