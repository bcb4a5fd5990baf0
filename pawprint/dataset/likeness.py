"""Measure how alike two photos are: quickly by their lowest frequencies, or closely by their details after alignment.

Both measures tolerate the usual changes of copies: another size or format, stronger compression, other brightness, up
to a twentieth cut off each side, mirroring. Both use whole numbers, so that every machine gives the same result.

The quick measure is the perceptual hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions"
(2010), without its last step: the coefficients of a discrete cosine transform are kept as seven-bit numbers, not as
single bits. Cropped copies then differ clearly from chance, and one matrix product compares all photos.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Descriptor = npt.NDArray[np.int8]
Pixels = npt.NDArray[np.uint8]
_Values = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, as shares of a side."""

_SIDE = 32
"""Side in pixels of the image that is transformed, and of the coarse alignment."""
_FREQUENCIES = 8
_ROWS, _COLUMNS = np.mgrid[0:_FREQUENCIES, 0:_FREQUENCIES]
_RADII = np.hypot(_ROWS, _COLUMNS)
_TAKEN = (_RADII > 0) & (_RADII < _FREQUENCIES)  # without the mean, which is the brightness
# Times 1024 and rounded: sums of whole numbers in float64 are exact, in whatever order a machine adds them.
_COSINES = np.round(1024 * np.cos(np.pi * np.outer(np.arange(_FREQUENCIES), 2 * np.arange(_SIDE) + 1) / (2 * _SIDE)))
_LENGTH = 127
MIRROR = np.where(_COLUMNS % 2 == 1, -1, 1)[_TAKEN].astype(np.int8)
"""A descriptor times this is the mirrored photo's: odd waves change their sign."""
NUM_COEFFICIENTS = int(_TAKEN.sum())
MIN_CONTRAST = 4.0
"""Standard deviation of the grey levels; a photo with less is almost blank, and alike to every other blank one."""

_FINE = 2 * _SIDE
"""Side in pixels at which details are compared."""
_SCALES = (32, 30, 31, 33, 34)
"""Sides to which one photo is resized before it is compared with the other's 32: a crop by 5 % enlarges the rest."""
_REACH = 3
"""Most pixels, of 32, by which the middles may differ: a tenth of the side."""
_MARGIN = 4
_COARSE_BLURS, _FINE_BLURS = (0, 3), (1, 4)
"""Radii of the two blurs whose difference is the details compared."""
_MIN_COARSE = 0.6
"""Coarse likeness below which details are not compared; recognisable copies have at least 0.8."""
_HOPELESS = 0.5
"""Coarse likeness at one scale below which no other scale is tried; a cropped copy has at least 0.6."""


def describe(square: Pixels) -> Descriptor:
    """Return a photo's descriptor: the cosine of two descriptors shows how alike two photos are.

    Args:
        square: uint8 `[side, side, 3]`.

    Returns:
        int8 `[NUM_COEFFICIENTS]`, of length 127 up to rounding; zeros for a photo with almost no contrast.
    """
    grey = np.asarray(_shrink(square, _SIDE), np.float64)
    if grey.std() < MIN_CONTRAST:
        return np.zeros(NUM_COEFFICIENTS, np.int8)
    waves = (_COSINES @ grey @ _COSINES.T)[_TAKEN]
    # In photos, higher frequencies are weaker: this weight makes all count alike, and the root keeps a single one from
    # dominating. Both were chosen to separate copies from 2 million pairs of different photos.
    waves = waves * _RADII[_TAKEN]
    waves = np.sign(waves) * np.sqrt(np.abs(waves))
    descriptor: Descriptor = np.round(waves * (_LENGTH / np.sqrt((waves * waves).sum()))).astype(np.int8)
    return descriptor


class Look:
    """A photo prepared for close comparison: results are cached, because it is compared with many others."""

    def __init__(self, pixels: Pixels) -> None:
        """Keep the pixels, uint8 `[side, side, 3]`."""
        self.pixels = pixels
        self._grays: dict[bool, Image.Image] = {}
        self._bands: dict[tuple[int, bool, bool], _Values] = {}

    def band(self, side: int, *, fine: bool = False, mirrored: bool = False) -> _Values:
        """Return the details to compare, at a given size.

        Args:
            side: Size in pixels to which the photo is resized.
            fine: Use the finer band of frequencies.
            mirrored: Use the mirror image.
        """
        key = (side, fine, mirrored)
        if key not in self._bands:
            resized = self._gray(mirrored).resize((side, side), Image.Resampling.BICUBIC)
            self._bands[key] = _band(resized, *(_FINE_BLURS if fine else _COARSE_BLURS))
        return self._bands[key]

    def template(self, *, fine: bool = False) -> _Values:
        """Return the middle of the photo's details, to be found in another photo."""
        if fine:
            return _band(self._gray(False), *_FINE_BLURS)[2 * _MARGIN : -2 * _MARGIN, 2 * _MARGIN : -2 * _MARGIN]
        shrunk = self._gray(False).resize((_SIDE, _SIDE), Image.Resampling.BOX)
        return _band(shrunk, *_COARSE_BLURS)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    def _gray(self, mirrored: bool) -> Image.Image:
        if mirrored not in self._grays:
            self._grays[mirrored] = (
                self._gray(False).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                if mirrored
                else _shrink(self.pixels, _FINE)
            )
        return self._grays[mirrored]


def compare_closely(one: Look, other: Look, *, mirrored: bool) -> tuple[float, tuple[Box, Box]]:
    """Return how alike the details of two aligned photos are, and where they match.

    The likeness, -1 to 1, is the largest normalised correlation over scales of ±6 % and shifts of ±10 %, in a band of
    frequencies that lighting does not change. Copies reach 0.7 and more; but so do different pictures with little
    texture, so `evidence` makes the final decision.

    Args:
        one: a photo.
        other: another of the same side.
        mirrored: compare with the mirror image of the other.

    Returns:
        The likeness, and the matching box in each, as shares of the side; a box may extend beyond its photo.
    """
    whole = (0.0, 0.0, 1.0, 1.0)
    if np.array_equal(one.pixels, other.pixels[:, ::-1] if mirrored else other.pixels):
        return 1.0, (whole, whole)  # one file with other metadata: common, and costs nothing
    template = one.template()
    coarse: list[tuple[float, int, int, int]] = []
    for side in _SCALES:
        if coarse and coarse[0][0] < _HOPELESS:
            break
        middle = (side - len(template)) // 2
        coarse.append((*_match(other.band(side, mirrored=mirrored), template, middle, middle, _REACH), side))
    likeness, top, left, side = max(coarse)
    boxes = (whole, _place(top, left, side, _SIDE, _MARGIN))
    if likeness < _MIN_COARSE:
        return likeness, boxes
    margin = 2 * _MARGIN
    template = one.template(fine=True)
    # Also unshifted: along the stripes of a texture, any place seems right at the coarse scale.
    tried = [(2 * side + more, 2 * top, 2 * left) for more in (-1, 0, 1)] + [(_FINE, margin, margin)]
    fine = []
    for finer, below, beside in tried:
        field = other.band(finer, fine=True, mirrored=mirrored)
        fine.append((*_match(field, template, below, beside, 1), finer))
    likeness, top, left, side = max(fine)
    return likeness, (whole, _place(top, left, side, _FINE, margin))


def _place(top: int, left: int, side: int, whole: int, margin: int) -> Box:
    """Return the box of a whole photo within the other, whose `side` pixels contain its template at a given place."""
    return (left - margin) / side, (top - margin) / side, (left - margin + whole) / side, (top - margin + whole) / side


def _shrink(square: Pixels, side: int) -> Image.Image:
    """Return a photo in grey, `side` pixels wide and high."""
    method = Image.Resampling.BOX if len(square) >= side else Image.Resampling.BICUBIC
    return Image.fromarray(square).convert("L").resize((side, side), method)


def _band(grey: Image.Image, finest: int, coarsest: int) -> _Values:
    """Return the difference of two blurs with these radii, as whole numbers."""
    sharp = grey.filter(ImageFilter.BoxBlur(finest)) if finest else grey
    return np.asarray(sharp, np.float64) - np.asarray(grey.filter(ImageFilter.BoxBlur(coarsest)), np.float64)


def _match(field: _Values, template: _Values, top: int, left: int, reach: int) -> tuple[float, int, int]:
    """Return the largest correlation of a template with a field near a place, and its position."""
    side, most = len(template), len(field) - len(template)
    first, start = max(0, top - reach), max(0, left - reach)
    last, end = min(most, top + reach), min(most, left + reach)
    around = field[first : last + side, start : end + side]
    windows = np.lib.stride_tricks.sliding_window_view(around, (side, side)).reshape(-1, side * side)
    energy = (windows * windows).sum(axis=1) * (template * template).sum()
    correlations = (windows @ template.ravel()) / np.sqrt(np.maximum(energy, 1.0))
    best = int(correlations.argmax())
    row, column = divmod(best, end - start + 1)
    return float(correlations[best]), first + row, start + column
