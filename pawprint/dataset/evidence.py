"""Judge whether two photos are one picture stored twice, by their largest local difference after alignment.

A copy differs from its original only by the damage of storing it again: what halving its size or strong compression
removes, block by block. Any other photo, however similar, differs by more than that in at least one block: another
hand, another stroke, a mask, a scratch. So the measure is the largest difference of a block, in units of the difference
that the worst copy of this block would have. It needs neither much texture nor colour.
"""

import io
import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image

from pawprint.dataset.alignment import cut_out, lay_on_each_other
from pawprint.dataset.likeness import Box, Pixels

MAX_DIFFERENCE = 1.8
"""Largest local difference of a copy; `near_duplicates` lowers the limit in sets of similar photos."""
MAX_GAIN = 1.12
"""Factor of brightness above which photos are different exposures and cannot be recognised as copies."""
MIN_SHARED, MIN_SHARED_BLOCKS = 0.6, 64
"""Share, and number, of the non-empty blocks that must agree for two photos to show one scene. It is a quarter of the
picture, because the outlines of two garments agree in fewer blocks."""
MIN_NOISE, MIN_SAME_NOISE = 1.1, 0.25
"""Levels of noise a photo must have for its noise to be compared, and the share that must agree in one shot."""
MIN_SIDE = 12
"""Side in pixels below which a picture has too little detail to distinguish a changed copy from another picture."""

_FINEST = 256
_BLOCKS, _SMALLEST_BLOCK = 16, 4
_WORST_QUALITY = 20
_ROUNDING_LEVELS = 2.0
"""Levels of difference that rounding, colour conversion and resampling always cause."""
_SLOPE_LOSS = 0.1
"""Share of a slope's energy lost through a remaining shift of a third of a pixel."""
_DARK, _BRIGHT = 5, 250
"""Levels beyond which a brightened copy may be clipped."""
_MAX_STRETCH = 2.0
_MIN_DEVIATION, _MAX_LEFT = 8.0, 0.15
"""Standard deviation, in levels, of a non-empty block, and the largest share of its variance left in equal blocks."""
_MIN_COLOUR = 12.0
"""Distance between the channels, in levels; most of a picture with less stays when it is converted to grey."""
_EQUAL_RMS, _EQUAL_MAXIMUM = 4.4, 44.0
"""Levels that count as a difference of 1 between two tiny pictures: root mean square, and in any single value."""

_Values = npt.NDArray[np.float64]


class Kinship(StrEnum):
    """How two photos are related."""

    COPY = "copy"
    """One picture, stored twice."""
    SCENE = "scene"
    """Two pictures of the same things in the same place: frames, exposures, with and without an object."""
    NONE = "none"


@dataclass(frozen=True)
class Evidence:
    """The differences between two photos after alignment."""

    difference: float
    """The difference of the block that differs most, in units of what a bad copy would cause there."""
    gain: float = 1.0
    """Brightness of the brighter photo relative to the darker one."""
    shared: float = 0.0
    """Share of the non-empty blocks that agree."""
    num_shared: int = 0
    same_shot: bool = True
    """Whether the noise of both photos is the same, as far as there is any."""

    def judge(self, limit: float = MAX_DIFFERENCE) -> Kinship:
        """Return how the photos are related.

        Args:
            limit: Largest local difference of a copy, at most `MAX_DIFFERENCE`.

        >>> Evidence(0.4).judge(), Evidence(7.0).judge()
        (<Kinship.COPY: 'copy'>, <Kinship.NONE: 'none'>)
        >>> Evidence(7.0, shared=0.8, num_shared=90).judge()  # one block is another: a mask, a passer-by
        <Kinship.SCENE: 'scene'>
        """
        if self.difference <= min(limit, MAX_DIFFERENCE) and self.same_shot:
            return Kinship.COPY if self.gain <= MAX_GAIN else Kinship.SCENE
        if self.shared >= MIN_SHARED and self.num_shared >= MIN_SHARED_BLOCKS:
            return Kinship.SCENE
        return Kinship.NONE


NOTHING_ALIKE = Evidence(math.inf)


def weigh(one: Pixels, other: Pixels, boxes: tuple[Box, Box], *, mirrored: bool, side: int) -> Evidence:
    """Return the differences between two photos that look alike.

    Args:
        one: uint8 `[side, side, 3]`.
        other: Of the same shape.
        boxes: The parts that match coarsely, as shares of their sides.
        mirrored: Compare with the mirror image of the other.
        side: Shorter edge in pixels of the smaller photo's file, at least `MIN_SIDE`; finer detail does not exist.
    """
    if mirrored:
        other = other[:, ::-1]
    if np.array_equal(one, other):
        return Evidence(0.0)
    pictures = Image.fromarray(one), Image.fromarray(np.ascontiguousarray(other))
    grays = pictures[0].convert("L"), pictures[1].convert("L")
    side = min(side, len(one), _FINEST)
    found = lay_on_each_other(*grays, boxes, side)
    if found is None:
        return NOTHING_ALIKE
    if _is_gray(one) or _is_gray(other):
        pictures = grays
    block = max(_SMALLEST_BLOCK, side // _BLOCKS)
    side = side // block * block
    return _compare_blocks(cut_out(pictures[0], found[0], side), cut_out(pictures[1], found[1], side), block)


def weigh_tiny(one: Pixels, other: Pixels, *, mirrored: bool) -> Evidence:
    """Return the differences between two pictures of very few pixels: only equal ones, up to rounding, are copies."""
    if mirrored:
        other = other[:, ::-1]
    errors = np.abs(one.astype(np.float64) - other)
    return Evidence(max(float(np.sqrt((errors**2).mean())) / _EQUAL_RMS, float(errors.max()) / _EQUAL_MAXIMUM))


def _compare_blocks(one: Image.Image, other: Image.Image, block: int) -> Evidence:
    first, second = _to_channels(one), _to_channels(other)
    bright, light = first.mean(axis=0), second.mean(axis=0)
    rows, columns = np.gradient(bright)
    worn = np.maximum(_wear(one, first, block), _wear(other, second, block))
    tolerance = worn + _SLOPE_LOSS * _block_means(rows * rows + columns * columns, block) + _ROUNDING_LEVELS**2
    # In a picture of white and one colour, the fitted gain is random; a gain of 1 may fit better.
    gains = 1.0, _fit_gain(light[::2, ::2], bright[::2, ::2])
    tried = [np.sqrt(_square_errors(first, second, gain, block) / tolerance) for gain in gains]
    differences, gain = min(zip(tried, gains, strict=True), key=lambda found: float(found[0].max()))
    # A block agrees if little of its variance is left in the difference; a scene is the same if most blocks agree.
    contrast, left = _block_variances(bright, block), _block_variances(bright - gain * light, block)
    varied = contrast > _MIN_DEVIATION**2
    agreeing = int((varied & (left < _MAX_LEFT * contrast)).sum())
    return Evidence(
        difference=float(differences.max()),
        gain=max(gain, 1 / gain),
        shared=agreeing / max(1, int(varied.sum())),
        num_shared=agreeing,
        same_shot=_is_same_grain(bright, gain * light, block),
    )


def _to_channels(image: Image.Image) -> _Values:
    """Return float64 `[channels, side, side]`."""
    values: _Values = np.asarray(image, np.float64).reshape(image.height, image.width, -1)
    return np.ascontiguousarray(np.moveaxis(values, 2, 0))


def _square_errors(one: _Values, other: _Values, gain: float, block: int) -> _Values:
    """Return the mean squared difference of each block, over the channels."""
    errors = [_subtract(one[channel], other[channel], gain) for channel in range(len(one))]
    return _block_means(np.mean([error * error for error in errors], axis=0), block)


def _subtract(one: _Values, other: _Values, gain: float) -> _Values:
    """Return one channel's difference, without differences due to clipping at black or white."""
    expected = gain * other
    expected += np.median((one - expected)[::2, ::2])
    errors = one - expected.clip(0, 255)
    errors = np.where(other >= _BRIGHT, np.minimum(errors, 0), errors)
    cleaned: _Values = np.where(other <= _DARK, np.maximum(errors, 0), errors)
    return cleaned


def _fit_gain(source: _Values, target: _Values) -> float:
    """Return the brightness factor between two exposures from unclipped pixels; large differences get little weight."""
    seen = (source < _BRIGHT) & (target < _BRIGHT) & (source > _DARK) & (target > _DARK)
    x, y = (source[seen], target[seen]) if seen.sum() > 64 else (source.ravel(), target.ravel())
    weights = np.ones_like(x)
    gain = 1.0
    for _ in range(3):
        total = weights.sum()
        away_x, away_y = x - (weights * x).sum() / total, y - (weights * y).sum() / total
        # If nothing varies, there is no reason to assume another factor than 1.
        prior = 25.0 * total
        gain = float(((weights * away_x * away_y).sum() + prior) / ((weights * away_x * away_x).sum() + prior))
        gain = min(_MAX_STRETCH, max(1 / _MAX_STRETCH, gain))
        errors = np.abs(away_y - gain * away_x)
        weights = 1 / (1 + (errors / (3 * np.median(errors) + 2)) ** 2)
    return gain


def _wear(image: Image.Image, values: _Values, block: int) -> _Values:
    """Return, for each block, the squared levels that storing this picture again would change."""
    side = image.width
    halved = image.resize((side // 2, side // 2), Image.Resampling.BOX).resize((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_WORST_QUALITY)
    with Image.open(buffer) as compressed:
        errors = [values - _to_channels(bad) for bad in (halved, compressed)]
    changed: _Values = np.maximum(*(_block_means((error * error).mean(axis=0), block) for error in errors))
    return changed


def _is_same_grain(one: _Values, other: _Values, block: int) -> bool:
    """Return whether the noise in the picture's smooth half is the same, or too weak to compare.

    A copy keeps its sensor's noise or loses it; a second frame has as much noise, but different.
    """
    fine, coarse = _sharpen(one), _sharpen(other)
    energies = [_block_means(product, block).ravel() for product in (fine * fine, coarse * coarse, fine * coarse)]
    loudness = energies[0] + energies[1]
    quiet = loudness <= np.median(loudness)
    first, second, common = (float(energy[quiet].mean()) for energy in energies)
    weaker = min(first, second)
    return weaker < MIN_NOISE**2 or common >= MIN_SAME_NOISE * weaker


def _sharpen(values: _Values) -> _Values:
    fine = np.zeros_like(values)
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    fine[1:-1, 1:-1] = values[1:-1, 1:-1] - around / 4
    return fine


def _block_means(values: _Values, block: int) -> _Values:
    number = len(values) // block
    rows = values.reshape(number, block, -1).sum(axis=1)
    means: _Values = rows.reshape(number, number, block).sum(axis=2) / block**2
    return means


def _block_variances(values: _Values, block: int) -> _Values:
    means = _block_means(values, block)
    variances: _Values = _block_means(values * values, block) - means * means
    return variances


def _is_gray(pixels: Pixels) -> bool:
    # Not the mean: a single small coloured object on white makes a picture coloured.
    red, green, blue = (pixels[::2, ::2, channel].astype(np.int16) for channel in range(3))
    return float(np.quantile(np.abs(red - green) + np.abs(green - blue), 0.99)) < _MIN_COLOUR
