"""Whether two photos are one picture stored twice, by their largest local difference once they lie on each other.

A copy differs from its original by what storing it again does: by what its halving or strong compression takes away,
block by block. Another photo, however like, differs by more than that in at least one block: another hand, another
stroke, a mask, a scratch. So the measure is the largest difference of a block, in units of what the worst copy of
that very block would differ by, and it needs neither much texture nor colour.
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
"""Largest local difference of a copy in any set; `near_duplicates` asks for less where a set's photos are alike."""
MAX_GAIN = 1.12
"""Factor on the brightness above which it is another exposure, of which nobody can say that it is a copy."""
MIN_SHARED, MIN_SHARED_BLOCKS = 0.6, 64
"""Share, and number, of the blocks with something on them that agree where two photos show one scene: a quarter of the
picture, since the outlines of two garments agree in fewer."""
MIN_NOISE, MIN_SAME_NOISE = 1.1, 0.25
"""Levels of fine grain that a photo must have, and how much of it must be the other's too, if they are one shot."""
MIN_SIDE = 12
"""Pixels below which a picture holds too little to tell a changed copy from another picture."""

_FINEST = 256
_BLOCKS, _SMALLEST_BLOCK = 16, 4
_WORST_QUALITY = 20
_FLOOR = 2.0
"""Levels that rounding, colour conversion and resampling always cost."""
_STEEP = 0.1
"""Share of a slope's energy that a remaining shift of a third of a pixel costs."""
_DARK, _BRIGHT = 5, 250
"""Levels at which a brightened copy may have been cut off."""
_MAX_STRETCH = 2.0
_TELLING, _UNEXPLAINED = 8.0, 0.15
"""Levels by which a block varies that has something on it, and the share of that which is left where it is the same."""
_MIN_COLOUR = 12.0
"""Distance between the channels, in levels, below which nearly all of a gray picture stays."""
_EQUAL, _EQUAL_ANYWHERE = 4.4, 44.0

_Values = npt.NDArray[np.float64]


class Kinship(StrEnum):
    """What two photos are to each other."""

    COPY = "copy"
    """One picture, stored twice."""
    SCENE = "scene"
    """Two pictures of the same things at the same place: frames, exposures, a thing with and without another."""
    NONE = "none"


@dataclass(frozen=True)
class Evidence:
    """How two photos differ once they lie on each other."""

    difference: float
    """Of the block that differs most, in units of what storing a copy badly does to it."""
    gain: float = 1.0
    """Factor from the darker one's brightness to the other's."""
    shared: float = 0.0
    """Share of the telling blocks that agree."""
    num_shared: int = 0
    same_shot: bool = True
    """Whether the fine grain, where there is any, is the same."""

    def judge(self, limit: float = MAX_DIFFERENCE) -> Kinship:
        """Return what the photos are to each other.

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
    """Return what two photos that look alike differ by.

    Args:
        one: uint8 `[side, side, 3]`.
        other: Of the same shape.
        boxes: Where they match coarsely, in shares of their sides.
        mirrored: Compare with the mirror image of the other.
        side: Pixels of the shorter edge of the smaller one's file, at least `MIN_SIDE`: more it can't show.
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
    """Return what two pictures differ by that have so few pixels that only equal ones are copies, up to rounding."""
    if mirrored:
        other = other[:, ::-1]
    errors = np.abs(one.astype(np.float64) - other)
    return Evidence(max(float(np.sqrt((errors**2).mean())) / _EQUAL, float(errors.max()) / _EQUAL_ANYWHERE))


def _compare_blocks(one: Image.Image, other: Image.Image, block: int) -> Evidence:
    first, second = _to_channels(one), _to_channels(other)
    bright, light = first.mean(axis=0), second.mean(axis=0)
    rows, columns = np.gradient(bright)
    worn = np.maximum(_wear(one, first, block), _wear(other, second, block))
    tolerance = worn + _STEEP * _block_means(rows * rows + columns * columns, block) + _FLOOR**2
    # Where white and one colour are all there is, the fitted gain is chance: as they are may fit better.
    gains = 1.0, _fit_gain(light[::2, ::2], bright[::2, ::2])
    tried = [np.sqrt(_square_errors(first, second, gain, block) / tolerance) for gain in gains]
    differences, gain = min(zip(tried, gains, strict=True), key=lambda found: float(found[0].max()))
    # What is on a block is the same where little of how it varies is left, and the same in most is one scene.
    contrast, left = _block_variances(bright, block), _block_variances(bright - gain * light, block)
    telling = contrast > _TELLING**2
    agreeing = int((telling & (left < _UNEXPLAINED * contrast)).sum())
    return Evidence(
        difference=float(differences.max()),
        gain=max(gain, 1 / gain),
        shared=agreeing / max(1, int(telling.sum())),
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
    """Return what is left of one channel, but for what an exposure cut off at black or white."""
    expected = gain * other
    expected += np.median((one - expected)[::2, ::2])
    errors = one - expected.clip(0, 255)
    errors = np.where(other >= _BRIGHT, np.minimum(errors, 0), errors)
    cleaned: _Values = np.where(other <= _DARK, np.maximum(errors, 0), errors)
    return cleaned


def _fit_gain(source: _Values, target: _Values) -> float:
    """Return the factor between two exposures, by what neither cut off, with little weight on what differs by much."""
    seen = (source < _BRIGHT) & (target < _BRIGHT) & (source > _DARK) & (target > _DARK)
    x, y = (source[seen], target[seen]) if seen.sum() > 64 else (source.ravel(), target.ravel())
    weights = np.ones_like(x)
    gain = 1.0
    for _ in range(3):
        total = weights.sum()
        away_x, away_y = x - (weights * x).sum() / total, y - (weights * y).sum() / total
        # Where nothing varies, nothing speaks against 1.
        prior = 25.0 * total
        gain = float(((weights * away_x * away_y).sum() + prior) / ((weights * away_x * away_x).sum() + prior))
        gain = min(_MAX_STRETCH, max(1 / _MAX_STRETCH, gain))
        errors = np.abs(away_y - gain * away_x)
        weights = 1 / (1 + (errors / (3 * np.median(errors) + 2)) ** 2)
    return gain


def _wear(image: Image.Image, values: _Values, block: int) -> _Values:
    """Return what storing this picture badly would change, by block: squared levels."""
    side = image.width
    halved = image.resize((side // 2, side // 2), Image.Resampling.BOX).resize((side, side), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_WORST_QUALITY)
    with Image.open(buffer) as compressed:
        errors = [values - _to_channels(bad) for bad in (halved, compressed)]
    changed: _Values = np.maximum(*(_block_means((error * error).mean(axis=0), block) for error in errors))
    return changed


def _is_same_grain(one: _Values, other: _Values, block: int) -> bool:
    """Say whether the finest grain in the quiet half of the picture is the same, or too faint to say.

    A copy keeps the noise of its sensor, or loses it; a second frame has as much, but its own.
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
    # Not the mean: one small coloured thing on white is colour.
    red, green, blue = (pixels[::2, ::2, channel].astype(np.int16) for channel in range(3))
    return float(np.quantile(np.abs(red - green) + np.abs(green - blue), 0.99)) < _MIN_COLOUR
