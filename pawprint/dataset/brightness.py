"""Scale pixels of more than 8 bits to 8, by the range in the file or by that of the collection."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageMode
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from pawprint.dataset.checksums import PNG_SIGNATURE
from pawprint.dataset.decoding import Decoding, Range

MAX_SAMPLE_VALUE = 281
"""TIFF's tag for the largest pixel value. Cameras write the largest possible value, some programs the largest used."""

WHITE_IS_ZERO = 0
"""The value of TIFF's PhotometricInterpretation in X-rays and scans; Pillow applies it to 8 bits only."""

NOT_READ = (
    "floating-point pixels have no standard range of brightness, and no training photo has such pixels to show it"
)


def may_be_deep(data: bytes) -> bool:
    r"""Return whether, by its first bytes, a file may be a photo of more than 8 bits that states no range.

    >>> may_be_deep(b"II*\0"), may_be_deep(b"\xff\xd8\xff")
    (True, False)
    """
    if data.startswith(PNG_SIGNATURE):
        return data[24:26] == b"\x10\0"  # 16 bits of grey; 16-bit colour is decoded as 8
    return data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def is_deep(image: Image.Image) -> bool:
    """Return whether a pixel has 16 or 32 bits: mode F, I or a kind of I;16."""
    return ImageMode.getmode(image.mode).typestr.endswith(("2", "4"))


def stated_range(image: Image.Image) -> Range | None:
    """Return the range stated in a photo's own file, or None.

    Pillow has already applied the range in PGM and JPEG 2000. PNG's sBIT is not a range: the values are already scaled.
    """
    if image.format in {"PPM", "JPEG2000"}:
        return (0, 65535)
    if image.mode == "F" or not isinstance(image, TiffImageFile):
        return None
    bits = int(max(image.tag_v2.get(BITSPERSAMPLE, (1,))))
    if stated := image.tag_v2.get(MAX_SAMPLE_VALUE):
        bits = int(np.max(stated)).bit_length()
    return (0, 2**bits - 1) if 8 < bits < 16 else None


def choose_range(image: Image.Image, bands: Iterable[Image.Image], decoding: Decoding) -> Range | None:
    """Return the values for black and white in a deep photo, or None if they are unknown.

    Args:
        image: the opened photo.
        bands: the same photo, whole or in bands; read only if nothing else gives the range.
        decoding: the decoding of its collection.
    """
    if image.mode == "F":
        return decoding.floats
    if found := stated_range(image) or decoding.integers:
        return found
    # If all values fit into 8 bits, they are 8-bit values in a larger format.
    return (0, 65535) if any(np.asarray(band).max(initial=0) > 255 for band in bands) else (0, 255)


def scale_to_8_bits(band: Image.Image, limits: Range, *, inverted: bool) -> Image.Image:
    """Return a band of a deep photo in mode L; values below the range become black, values above it white."""
    low, high = limits
    values = np.asarray(band)
    if limits == (0, 65535):  # 257 values to each level, as in PNG's specification
        grey = (values.astype(np.int64).clip(0, 65535) // 257).astype(np.uint8)
    else:
        known = np.where(np.isnan(values), low, values).clip(low, high)  # not a number: black
        grey = np.rint((known - low) * (255 / (high - low))).astype(np.uint8)
    return Image.fromarray(255 - grey if inverted else grey)


def is_inverted(image: Image.Image) -> bool:
    """Return whether a deep photo's largest value means black."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO


def measure_values(image: Image.Image) -> npt.NDArray[np.float64]:
    """Return a deep photo's darkest and brightest value, float64 [2], ignoring one pixel in a thousand at each end."""
    few = image.resize((min(image.width, 512), min(image.height, 512)), Image.Resampling.NEAREST)
    values = np.asarray(few).astype(np.float64)
    values = values[np.isfinite(values)]
    return np.percentile(values, [0.1, 99.9]) if len(values) else np.array([np.nan, np.nan])
