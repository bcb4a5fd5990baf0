"""A pen that draws smooth shapes, in its own coordinates, onto a Pillow image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from pawprint.drawn.colours import Colour

Points: TypeAlias = Sequence[tuple[float, float]] | NDArray[np.float64]

# Catmull-Rom: six points between one knot and the next, computed from the four knots around them.
_STEPS = np.arange(6) / 6
_SPLINE = np.stack([_STEPS**power for power in range(4)], axis=1) @ (
    np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
)
_ANGLES = np.linspace(0, 2 * np.pi, 36, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def smooth_curve(knots: Points, *, closed: bool) -> NDArray[np.float64]:
    """Return a Catmull-Rom spline through the knots.

    Args:
        knots: at least two points, [n, 2].
        closed: whether the last knot leads back to the first.

    Returns:
        Points on the curve, [6 n, 2] when closed, [6 (n - 1) + 1, 2] when open.
    """
    knots = np.asarray(knots, dtype=np.float64)
    if closed:
        around = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        around = np.concatenate([knots[:1], knots, knots[-1:]])
    windows = np.stack([around[i : len(around) - 3 + i] for i in range(4)], axis=1)
    curve = (_SPLINE @ windows).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def both_sides(right: Points) -> NDArray[np.float64]:
    """Return a symmetric outline from its right half, which is listed from top to bottom."""
    right = np.asarray(right, dtype=np.float64)
    left = right[::-1] * (-1, 1)
    # A point on the axis is its own mirror image and must not be doubled: a spline would kink there.
    return np.concatenate([right, left[np.abs(left[:, 0]) > 1e-9]])


def oval_points(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0) -> NDArray[np.float64]:
    """Return points of an ellipse (a circle without `ry`) around (x, y), turned by `turn` radians, [36, 2]."""
    points = _CIRCLE * (rx, rx if ry is None else ry)
    if turn:
        cos, sin = np.cos(turn), np.sin(turn)
        points = points @ np.array([[cos, sin], [-sin, cos]])
    moved: NDArray[np.float64] = points + np.array((x, y))
    return moved


@dataclass(frozen=True)
class Pen:
    """Draw in local units (for an animal, one unit is about the radius of its head), y pointing down.

    Attributes:
        image: the RGB image drawn on; colours may carry an alpha, which is blended.
        matrix: [2, 2], local units to pixels (turn, mirroring, size).
        origin: [2], the pixel at local (0, 0).
        ink: the colour of outlines.
        outline: their width in local units; 0 draws none.
    """

    image: Image.Image
    matrix: NDArray[np.float64]
    origin: NDArray[np.float64]
    ink: Colour = (0, 0, 0)
    outline: float = 0.0

    @cached_property
    def unit(self) -> float:
        """Pixels in one local unit."""
        # The matrix only turns, mirrors and scales evenly, so any of its columns has this length.
        return math.hypot(self.matrix[0, 0], self.matrix[1, 0])

    def moved(self, x: float, y: float, *, turn: float = 0.0, size: float = 1.0) -> Pen:
        """Return a pen whose origin is at this one's (x, y), turned by `turn` radians and `size` times as large."""
        cos, sin = math.cos(turn) * size, math.sin(turn) * size
        return replace(
            self,
            matrix=self.matrix @ np.array([[cos, -sin], [sin, cos]]),
            origin=self.matrix @ (x, y) + self.origin,
            outline=self.outline / size,
        )

    def pixels(self, points: Points) -> NDArray[np.float64]:
        """Return the places of local points [n, 2] in the image."""
        return np.asarray(points, dtype=np.float64) @ self.matrix.T + self.origin

    @cached_property
    def _overwriting(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    @cached_property
    def _blending(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image, "RGBA")

    def _draw(self, colour: tuple[int, ...]) -> ImageDraw.ImageDraw:
        # Blending is several times slower than overwriting, so it is used only for colours with an alpha.
        return self._blending if len(colour) == 4 else self._overwriting

    def fill(self, points: Points, colour: tuple[int, ...], *, outlined: bool = True) -> None:
        """Fill the polygon of `points`, and draw its outline if the pen has one."""
        corners = self.pixels(points)
        flat = corners.ravel().tolist()
        draw = self._draw(colour)
        draw.polygon(flat, fill=colour)
        width = round(self.outline * self.unit)
        if outlined and width > 0:
            draw.line(flat + flat[:4], fill=self.ink, width=width)
            # Pillow's own joints take most of the drawing time, and are needed only where the line turns sharply.
            ways = np.diff(corners, axis=0, append=corners[:1])
            directions = np.arctan2(ways[:, 1], ways[:, 0])
            turns = np.abs((directions - np.roll(directions, 1) + np.pi) % (2 * np.pi) - np.pi)
            for x, y in corners[turns > 0.5].tolist():
                radius = width / 2
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=self.ink)

    def blob(self, knots: Points, colour: tuple[int, ...], *, outlined: bool = True) -> None:
        """Fill the smooth closed curve through `knots`."""
        self.fill(smooth_curve(knots, closed=True), colour, outlined=outlined)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float | None = None,
        *,
        colour: tuple[int, ...],
        turn: float = 0.0,
        outlined: bool = True,
    ) -> None:
        """Fill an ellipse, or a circle without `ry`."""
        self.fill(oval_points(x, y, rx, ry, turn), colour, outlined=outlined)

    def box(self, left: float, top: float, right: float, bottom: float, colour: tuple[int, ...]) -> None:
        """Fill a rectangle (turned like the pen) without an outline."""
        self.fill([(left, top), (right, top), (right, bottom), (left, bottom)], colour, outlined=False)

    def stroke(self, knots: Points, colour: tuple[int, ...], width: float) -> None:
        """Draw a smooth open line, at least one pixel wide, `width` in local units."""
        flat = self.pixels(smooth_curve(knots, closed=False)).ravel().tolist()
        pixels = max(1, round(width * self.unit))
        self._draw(colour).line(flat, fill=colour, width=pixels)

    def tube(self, knots: Points, widths: Sequence[float], colour: tuple[int, ...], *, outlined: bool = True) -> None:
        """Draw a limb or a tail: a smooth line with round ends, whose radius passes evenly through `widths`."""
        curve = smooth_curve(knots, closed=False)
        radii = np.interp(np.linspace(0, 1, len(curve)), np.linspace(0, 1, len(widths)), widths)
        # Resampled by length, so that the discs overlap however far apart the knots are.
        travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
        count = int(np.clip(2 * travelled[-1] / radii.min(), 5, 40))
        places = np.linspace(0, travelled[-1], count)
        centres = self.pixels(np.stack([np.interp(places, travelled, curve[:, axis]) for axis in (0, 1)], axis=1))
        pixel_radii = np.interp(places, travelled, radii) * self.unit
        draw = self._draw(colour)
        width = self.outline * self.unit if outlined else 0.0
        # The whole outline first: a disc's own outline would cross the limb.
        passes = [(width / 2, self.ink), (-width / 2, colour)] if width >= 1 else [(0.0, colour)]
        for grown, paint in passes:
            for (x, y), radius in zip(centres.tolist(), (pixel_radii + grown).tolist(), strict=True):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=paint)

    def clip(self, outline: Points, shapes: Sequence[Points], colour: Colour) -> None:
        """Fill those parts of `shapes` (polygons) that are inside the polygon `outline`."""
        edge = self.pixels(outline)
        low = np.maximum(np.floor(edge.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(edge.max(axis=0)), self.image.size).astype(int)
        if (high <= low).any() or not shapes:
            return
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        inside, marked = Image.new("1", size), Image.new("1", size)
        ImageDraw.Draw(inside).polygon((edge - low).ravel().tolist(), fill=1)
        draw = ImageDraw.Draw(marked)
        for shape in shapes:
            draw.polygon((self.pixels(shape) - low).ravel().tolist(), fill=1)
        self.image.paste(colour, (int(low[0]), int(low[1])), ImageChops.logical_and(inside, marked))
