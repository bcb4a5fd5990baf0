"""Align two photos to a fraction of a pixel: find the part that both show, on the same grid.

Cropping and resizing move each edge of a picture independently, so the unknown is a box in each photo: four numbers.
They start from the coarse match of `likeness` and are refined by least squares on the differences, with a gain and an
offset of the brightness (Lucas and Kanade, 1981; Baker and Matthews, "Lucas-Kanade 20 Years On", 2004). Large
differences, such as a mask on a face, get little weight, so that the rest can still be aligned.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from pawprint.dataset.likeness import Box

_SIDES = ((64, 3), (128, 2))
"""Sides in pixels of the grids to refine on, and the number of rounds on each."""
_ROUNDING = 2**14
"""Boxes are rounded to this fraction of a side, so that machines that add in another order cut out the same pixels."""
_MAX_MOVE = 3.0
"""Most pixels an edge may move in one round."""
_MIN_MOVE = 0.02
"""Pixels of movement below which another round gains nothing."""

_Values = npt.NDArray[np.float64]


def lay_on_each_other(
    one: Image.Image, other: Image.Image, boxes: tuple[Box, Box], finest: int
) -> tuple[Box, Box] | None:
    """Return the boxes, as shares of the sides, that show the same part of two photos.

    Args:
        one: Grey, square.
        other: Grey, square; already mirrored if the mirror image is to be compared.
        boxes: The boxes to start with.
        finest: Side in pixels of the finest grid to refine on.

    Returns:
        One box for each photo, or None if no common part is left.
    """
    first, second = boxes
    for side, rounds in _SIDES:
        if side > max(finest, _SIDES[0][0]):
            break
        for _ in range(rounds):
            first, second = _overlap(first, second)
            if min(first[2] - first[0], first[3] - first[1], second[2] - second[0], second[3] - second[1]) < 0.5:
                return None
            moved = _find_movement(cut_out(one, first, side), cut_out(other, second, side))
            width, height = second[2] - second[0], second[3] - second[1]
            left, right = second[0] + moved[0] * width, second[2] + moved[1] * width
            top, bottom = second[1] + moved[2] * height, second[3] + moved[3] * height
            second = _round((left, top, right, bottom))
            if np.abs(moved).max() < _MIN_MOVE / side:
                break
    return _overlap(first, second)


def cut_out(image: Image.Image, box: Box, side: int) -> Image.Image:
    """Return a part of a picture, `side` pixels wide and high."""
    width, height = image.size
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in box)
    edges = (left * width, top * height, right * width, bottom * height)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=edges)


def _overlap(first: Box, second: Box) -> tuple[Box, Box]:
    """Return two boxes cut to the part that lies inside both photos."""
    one, other = list(first), list(second)
    for low, high in ((0, 2), (1, 3)):
        scale = (other[high] - other[low]) / (one[high] - one[low])
        before = max(0.0, -other[low] / scale, -one[low])
        after = max(0.0, (other[high] - 1) / scale, one[high] - 1)
        one[low], other[low] = one[low] + before, other[low] + before * scale
        one[high], other[high] = one[high] - after, other[high] - after * scale
    return _round(one), _round(other)


def _round(box: Sequence[float]) -> Box:
    left, top, right, bottom = (round(edge * _ROUNDING) / _ROUNDING for edge in box)
    return left, top, right, bottom


def _find_movement(one: Image.Image, other: Image.Image) -> _Values:
    """Return how far the other's left, right, top and bottom edge must move, as shares of its box."""
    target, source = np.asarray(one, np.float64), np.asarray(other, np.float64)
    side = len(source)
    along = (np.arange(side) + 0.5) / side
    slope_x, slope_y = np.zeros_like(source), np.zeros_like(source)
    slope_x[:, 1:-1] = (source[:, 2:] - source[:, :-2]) * (side / 2)
    slope_y[1:-1] = (source[2:] - source[:-2]) * (side / 2)
    columns = np.stack(
        [
            slope_x * (1 - along),
            slope_x * along,
            slope_y * (1 - along)[:, None],
            slope_y * along[:, None],
            source,
            np.ones_like(source),
        ]
    ).reshape(6, -1)
    gain, offset = _fit_line(source.ravel(), target.ravel())
    errors = np.abs(target.ravel() - gain * source.ravel() - offset)
    weights = 1 / (1 + (errors / (3 * np.median(errors) + 2)) ** 2)
    weighted = columns * weights
    # Not a matrix product: with so few numbers, many threads take longer, and each order of adding gives another
    # result.
    system = np.einsum("ik,jk->ij", weighted, columns)
    # Where a picture has no edges, a movement along it is invisible; it is then zero.
    system[range(4), range(4)] += 1e-3 * np.trace(system[:4, :4]) / 4 + 1e-6
    system[range(4, 6), range(4, 6)] += 1e-6
    solution = np.linalg.solve(system, np.einsum("ik,k->i", weighted, target.ravel()))
    found: _Values = np.clip(solution[:4] / max(0.2, solution[4]), -_MAX_MOVE / side, _MAX_MOVE / side)
    return found


def _fit_line(x: _Values, y: _Values) -> tuple[float, float]:
    centred = x - x.mean()
    gain = float((centred * y).sum() / max(1.0, (centred * centred).sum()))
    return gain, float(y.mean() - gain * x.mean())
