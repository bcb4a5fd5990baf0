"""Make a photo of any shape square: crop it, pad it with bars, or squash it."""

import numpy as np
import numpy.typing as npt
from PIL import Image

BARS = (127, 127, 127)
"""Colour of the bars beside a padded photo: a grey, which makes no strong edge to either dark or bright photos."""

# What to do to the stored pixels for each EXIF orientation (EXIF 2.3, tag 0x0112).
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def needed_size(size: tuple[int, int], side: int, fit: str) -> tuple[int, int]:
    """Return the width and height in pixels that a photo needs for a square of `side` pixels.

    >>> needed_size((300, 100), 50, "crop"), needed_size((300, 100), 50, "pad"), needed_size((1, 5000), 50, "pad")
    ((50, 50), (50, 17), (1, 50))
    """
    if fit != "pad":
        return side, side
    longest = max(size)
    width, height = (max(1, (2 * edge * side + longest) // (2 * longest)) for edge in size)
    return width, height


def resize_to_fit(image: Image.Image, side: int, fit: str) -> Image.Image:
    """Return the resized photo: `side` pixels wide and high, or with `pad`, along its longer edge."""
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    if fit == "crop":
        short = min(width, height)
        left, top = (width - short) / 2, (height - short) / 2
        box = (left, top, left + short, top + short)
    return image.resize(needed_size(image.size, side, fit), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def complete_square(image: Image.Image, side: int) -> Image.Image:
    """Return a square with the photo in its middle, in RGB."""
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), BARS)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def cut_bars(square: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a padded photo without its bars, distorted into the square.

    Args:
        square: uint8 `[side, side, 3]`.
        size: width and height of the photo in it, at most `side`.
    """
    side, (width, height) = len(square), size
    if size == (side, side):
        return square
    left, top = (side - width) // 2, (side - height) // 2
    photo = Image.fromarray(square[top : top + height, left : left + width])
    return np.asarray(photo.resize((side, side), Image.Resampling.BICUBIC))
