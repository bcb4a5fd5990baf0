"""Pixels of more than 8 bits, scaled to 8: by the range that the file states, or that of the photos it is among."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageMode
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from pawprint.dataset.checksums import PNG_SIGNATURE
from pawprint.dataset.decoding import Decoding, Range

MAX_SAMPLE_VALUE = 281
"""TIFF's tag for the largest value that pixels have. Cameras write the depth's, some programs the largest one used."""

WHITE_IS_ZERO = 0
"""What TIFF's PhotometricInterpretation says of X-rays and scans; Pillow heeds it for 8 bits only."""

NOT_READ = "floating-point pixels have no agreed brightness, and the training photos had none that would show it"


def may_be_deep(data: bytes) -> bool:
    r"""Return whether a file's first bytes leave room for a photo of more than 8 bits that states no range.

    >>> may_be_deep(b"II*\0"), may_be_deep(b"\xff\xd8\xff")
    (True, False)
    """
    if data.startswith(PNG_SIGNATURE):
        return data[24:26] == b"\x10\0"  # 16 bits of grey; those of colour come as 8
    return data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def is_deep(image: Image.Image) -> bool:
    """Return whether a pixel has 16 or 32 bits: mode F, I or a kind of I;16."""
    return ImageMode.getmode(image.mode).typestr.endswith(("2", "4"))


def stated_range(image: Image.Image) -> Range | None:
    """Return the range that a photo's own file states, or None.

    PGM and JPEG 2000 state one that Pillow has heeded. PNG's sBIT states none: it is about values that are scaled.
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
    """Return what is black and what is white in a deep photo, or None where that can't be known.

    Args:
        image: it, opened.
        bands: it again, whole or in bands, looked at only where nothing else tells.
        decoding: what its collection says.
    """
    if image.mode == "F":
        return decoding.floats
    if found := stated_range(image) or decoding.integers:
        return found
    # 8-bit values in a file that has room for more are taken as what they are.
    return (0, 65535) if any(np.asarray(band).max(initial=0) > 255 for band in bands) else (0, 255)


def scale_to_8_bits(band: Image.Image, limits: Range, *, inverted: bool) -> Image.Image:
    """Return a band of a deep photo in mode L: what is below the range is black, above it white."""
    low, high = limits
    values = np.asarray(band)
    if limits == (0, 65535):  # 257 of the values to each level, as PNG's specification has it
        grey = (values.astype(np.int64).clip(0, 65535) // 257).astype(np.uint8)
    else:
        known = np.where(np.isnan(values), low, values).clip(low, high)  # no number: black
        grey = np.rint((known - low) * (255 / (high - low))).astype(np.uint8)
    return Image.fromarray(255 - grey if inverted else grey)


def is_inverted(image: Image.Image) -> bool:
    """Return whether a deep photo's largest value is black."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO


def measure_values(image: Image.Image) -> npt.NDArray[np.float64]:
    """Return a deep photo's dark and bright end, float64 [2], without one pixel in a thousand at either."""
    few = image.resize((min(image.width, 512), min(image.height, 512)), Image.Resampling.NEAREST)
    values = np.asarray(few).astype(np.float64)
    values = values[np.isfinite(values)]
    return np.percentile(values, [0.1, 99.9]) if len(values) else np.array([np.nan, np.nan])
