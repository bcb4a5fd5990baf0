"""Draw whole cats and dogs: bodies, poses and tails around the heads of `heads.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pawprint.drawn.coats import Coat, choose_coat, mark
from pawprint.drawn.colours import Colour, choose, mix
from pawprint.drawn.heads import draw_head
from pawprint.drawn.shapes import Pen, both_sides, smooth_curve

if TYPE_CHECKING:
    import numpy as np

# The space a pose covers around the head's centre, in units: left, top, right, bottom.
POSES = {
    "sitting": (-1.4, -1.5, 1.7, 2.6),
    "standing": (-1.3, -1.6, 3.6, 2.5),
    "lying": (-1.4, -1.5, 3.3, 1.6),
}
COLLARS: tuple[Colour, ...] = ((190, 50, 50), (50, 90, 180), (60, 140, 80), (230, 200, 60), (150, 70, 150))


@dataclass(frozen=True)
class Build:
    """The proportions of a body, in units (the head's radius)."""

    shoulder: float
    hip: float
    leg: float
    leg_length: float
    length: float
    chest: float
    tuck: float


def choose_build(kind: str, rng: np.random.Generator) -> Build:
    """Choose random proportions: cats are slender and even, dogs deep-chested with longer, stouter legs."""
    stout = rng.uniform(0.88, 1.15)
    if kind == "cat":
        return Build(
            shoulder=0.56 * stout, hip=0.95 * stout, leg=0.15 * stout, leg_length=rng.uniform(0.55, 0.8),
            length=rng.uniform(2.2, 2.6), chest=0.0, tuck=-0.05,
        )  # fmt: skip
    return Build(
        shoulder=0.84 * stout, hip=0.95 * stout, leg=0.22 * stout, leg_length=rng.uniform(0.75, 1.05),
        length=rng.uniform(2.1, 2.5), chest=0.2, tuck=0.22,
    )  # fmt: skip


def draw_animal(pen: Pen, kind: str, pose: str, rng: np.random.Generator) -> None:
    """Draw a "cat" or a "dog" with the centre of its head at the pen's origin.

    Args:
        pen: where and how large; its outline is kept, its ink is replaced by a colour that suits the coat.
        kind: "cat" or "dog".
        pose: one of `POSES`.
        rng: random generator for everything else.
    """
    coat, build = choose_coat(rng), choose_build(kind, rng)
    pen = Pen(pen.image, pen.matrix, pen.origin, mix(coat.base, (24, 16, 18), 0.72), pen.outline)
    yaw = float(rng.uniform(-0.9, 0.9))
    {"sitting": _draw_sitting, "standing": _draw_standing, "lying": _draw_lying}[pose](pen, kind, coat, build, rng)
    if rng.random() < 0.35:
        collar = choose(COLLARS, rng)
        pen.tube([(-0.5, 0.8), (0.05, 1.0), (0.6, 0.8)], [0.1, 0.1], collar)
        pen.oval(0.05, 1.16, 0.11, colour=(232, 200, 90))
    draw_head(pen.moved(0, 0, turn=float(rng.normal(0, 0.14))), kind, coat, yaw, rng)


def _paw_colour(coat: Coat) -> Colour:
    return coat.second if coat.markings in ("white", "dark") else coat.base


def _draw_tail(pen: Pen, kind: str, coat: Coat, rng: np.random.Generator) -> None:
    """Draw a tail that starts at the pen's origin and points right: a cat's is long and bends twice."""
    up = float(rng.uniform(0.3, 1.3))
    end = coat.second if coat.markings in ("white", "dark") else coat.base
    if kind == "cat":
        knots = [(0, 0), (0.55, -0.05), (0.75, -0.3 - 0.5 * up), (0.5, -0.4 - 0.95 * up), (0.8, -0.5 - 1.3 * up)]
        width = float(rng.uniform(0.11, 0.19))
        pen.tube(knots, [width, width, width * 0.9], coat.base)
        pen.tube(knots[-2:], [width * 0.85, width * 0.85], end, outlined=False)
        return
    knots = [(0, 0), (0.35, -0.3 * up), (0.5, -0.55 * up), (0.3, -0.85 * up)]
    widths = [0.2, 0.3, 0.24, 0.08] if rng.random() < 0.4 else [0.19, 0.14, 0.06]
    pen.tube(knots, widths, coat.base)


def _draw_shadow(pen: Pen, left: float, right: float, floor: float) -> None:
    pen.oval((left + right) / 2, floor, (right - left) / 2, 0.2, colour=(16, 14, 26, 90), outlined=False)


def _draw_sitting(pen: Pen, kind: str, coat: Coat, build: Build, rng: np.random.Generator) -> None:
    bottom, sh, hip = 2.3, build.shoulder, build.hip
    side = choose((-1.0, 1.0), rng)
    _draw_shadow(pen, -hip - 0.3, hip + 0.3, bottom + 0.06)
    _draw_tail(_flipped(pen.moved(hip * 0.7 * side, bottom - 0.2), side), kind, coat, rng)
    outline = smooth_curve(
        both_sides([(0, 0.3), (sh * 0.85, 0.55), (sh, 1.05), (hip, bottom - 0.55), (hip * 0.85, bottom), (0, bottom)]),
        closed=True,
    )
    pen.fill(outline, coat.base)
    mark(pen, outline, coat, rng)
    for end in (-1, 1):
        pen.oval(hip * 0.78 * end, bottom - 0.34, 0.4, 0.46, colour=mix(coat.base, coat.shade, 0.4))
        pen.oval(hip * 0.86 * end, bottom, 0.34, 0.16, colour=_paw_colour(coat))
    for end in (-1, 1):
        x = sh * 0.46 * end
        pen.tube([(x, 1.1), (x * 0.95, bottom - 0.05)], [build.leg, build.leg], coat.base)
        pen.oval(x * 0.95, bottom + 0.03, build.leg * 1.35, build.leg * 0.85, colour=_paw_colour(coat))
    chest = coat.second if coat.markings == "white" else mix(coat.base, (255, 250, 242), 0.15)
    pen.oval(0, 1.0, sh * 0.72, 0.55, colour=chest, outlined=False)


def _draw_standing(pen: Pen, kind: str, coat: Coat, build: Build, rng: np.random.Generator) -> None:
    end, foot = build.length, 1.35 + build.leg_length
    stride = float(rng.uniform(-0.25, 0.25))
    _draw_shadow(pen, 0.0, end + 0.3, foot)
    _draw_tail(pen.moved(end + 0.05, 0.62), kind, coat, rng)
    _draw_leg(pen, (0.75, 1.0), 0.75 - stride, foot - 0.06, build.leg, coat.shade, coat.shade)
    _draw_leg(pen, (end - 0.35, 1.0), end - 0.35 + stride, foot - 0.06, build.leg, coat.shade, coat.shade)
    outline = smooth_curve(
        [
            (0.0, 0.2), (0.75, 0.32), (end * 0.6, 0.42), (end - 0.1, 0.4), (end + 0.22, 0.8), (end - 0.1, 1.3),
            (end * 0.62, 1.36 - build.tuck), (0.75, 1.4 + build.chest), (0.15, 1.25 + build.chest), (-0.25, 0.8),
        ],
        closed=True,
    )  # fmt: skip
    pen.fill(outline, coat.base)
    mark(pen, outline, coat, rng)
    paw = _paw_colour(coat)
    _draw_leg(pen, (0.4, 1.1), 0.4 + stride, foot, build.leg, coat.base, paw)
    _draw_leg(pen, (end - 0.1, 1.0), end - 0.05 - stride, foot, build.leg, coat.base, paw)
    pen.oval(end - 0.15, 0.95, 0.36, 0.44, colour=coat.base, outlined=False)
    if coat.markings == "white":
        pen.oval(0.02, 1.0, 0.24, 0.36, colour=coat.second, outlined=False)


def _draw_leg(
    pen: Pen, hip: tuple[float, float], foot_x: float, foot_y: float, width: float, fur: Colour, paw: Colour
) -> None:
    x, y = hip
    pen.tube([(x, y), ((x + foot_x) / 2 + 0.08, (y + foot_y) / 2), (foot_x, foot_y - 0.1)], [width * 1.25, width], fur)
    pen.oval(foot_x - 0.08, foot_y - 0.02, width * 1.4, width * 0.8, colour=paw)


def _draw_lying(pen: Pen, kind: str, coat: Coat, build: Build, rng: np.random.Generator) -> None:
    end, floor = build.length + 0.1, 1.42
    _draw_shadow(pen, -1.2, end + 0.5, floor + 0.04)
    _draw_tail(pen.moved(end, 1.2), kind, coat, rng)
    outline = smooth_curve(
        [
            (-0.4, 0.75), (0.2, 0.3), (end * 0.55, 0.34 + build.tuck), (end - 0.15, 0.42), (end + 0.22, 1.0),
            (end - 0.1, floor), (end * 0.5, floor + 0.02), (-0.3, floor),
        ],
        closed=True,
    )  # fmt: skip
    pen.fill(outline, coat.base)
    mark(pen, outline, coat, rng)
    pen.oval(end - 0.35, 1.02, 0.5, 0.4, colour=mix(coat.base, coat.shade, 0.4))
    reach = float(rng.uniform(0.5, 0.95))
    for y, fur in ((floor - 0.16, coat.shade), (floor - 0.02, coat.base)):
        pen.tube([(0.5, y - 0.12), (-reach, y)], [build.leg * 1.3, build.leg], fur)
        pen.oval(-reach - 0.05, y, build.leg * 1.25, build.leg * 0.95, colour=_paw_colour(coat))
    pen.oval(end - 0.6, floor, 0.42, 0.15, colour=_paw_colour(coat))


def _flipped(pen: Pen, side: float) -> Pen:
    """Return the pen, mirrored left to right if `side` is -1."""
    return Pen(pen.image, pen.matrix * (side, 1), pen.origin, pen.ink, pen.outline)
