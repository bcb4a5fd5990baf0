"""Objects for drawn scenes, each at a pen's origin and about one unit large: furniture, plants, houses, toys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pawprint.drawn.colours import Colour, any_colour, choose, mix
from pawprint.drawn.shapes import Pen

LEAVES: tuple[Colour, ...] = ((70, 130, 60), (104, 150, 70), (48, 100, 64), (140, 158, 80))
SKIES: tuple[Colour, ...] = ((140, 190, 235), (186, 212, 232), (236, 190, 150), (120, 140, 176), (60, 74, 120))


def _window(pen: Pen, rng: np.random.Generator) -> None:
    sky = choose(SKIES, rng)
    pen.box(-1, -1, 1, 1, (240, 238, 232))
    for x in (-0.9, 0.05):
        for y in (-0.9, 0.05):
            pen.box(x, y, x + 0.85, y + 0.85, sky)


def _picture(pen: Pen, rng: np.random.Generator) -> None:
    tall = rng.uniform(0.6, 1.3)
    pen.box(-0.8, -tall, 0.8, tall, any_colour(rng))
    pen.box(-0.65, 0.15 - tall, 0.65, tall - 0.15, any_colour(rng))
    pen.oval(rng.uniform(-0.3, 0.3), 0, 0.3, colour=any_colour(rng))


def _shelf(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(-1.2, 0.5, 1.2, 0.62, (120, 86, 56))
    x = -1.1
    while x < 1:
        wide, tall = rng.uniform(0.12, 0.3), rng.uniform(0.4, 0.9)
        pen.box(x, 0.5 - tall, x + wide, 0.5, any_colour(rng))
        x += wide + 0.03


def _sofa(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    dark = mix(colour, (20, 16, 20), 0.25)
    pen.blob([(-1.6, -1.0), (0, -1.1), (1.6, -1.0), (1.7, 0.1), (-1.7, 0.1)], colour)
    pen.box(-1.6, -0.4, 1.6, 0.1, dark)
    for side in (-1, 1):
        pen.oval(1.65 * side, -0.3, 0.3, 0.45, colour=mix(colour, (255, 255, 255), 0.1))


def _cushion(pen: Pen, rng: np.random.Generator) -> None:
    corners = [(-1, -1), (0, -0.94), (1, -1), (0.94, 0), (1, 1), (0, 0.94), (-1, 1), (-0.94, 0)]
    pen.moved(0, 0, turn=rng.uniform(0, 1.5)).blob(corners, any_colour(rng))


def _potted_plant(pen: Pen, rng: np.random.Generator) -> None:
    leaf = choose(LEAVES, rng)
    for angle in rng.uniform(-1.2, 1.2, 7):
        pen.moved(0, -0.5, turn=angle).blob(
            [(0, 0), (0.16, -0.5), (0, -1.1), (-0.16, -0.5)], mix(leaf, (10, 30, 10), rng.uniform(0, 0.4))
        )
    pen.fill([(-0.4, -0.6), (0.4, -0.6), (0.28, 0.1), (-0.28, 0.1)], any_colour(rng))


def _lamp(pen: Pen, rng: np.random.Generator) -> None:
    pen.stroke([(0, 0.1), (0, -1.8)], (90, 80, 74), 0.07)
    pen.fill([(-0.3, -2.3), (0.3, -2.3), (0.55, -1.6), (-0.55, -1.6)], mix(any_colour(rng), (255, 230, 170), 0.5))


def _box(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    wide, tall = rng.uniform(0.4, 1.0), rng.uniform(0.5, 1.4)
    pen.box(-wide, -tall, wide, 0.1, colour)
    pen.fill(
        [(-wide, -tall), (-wide * 0.6, -tall - 0.2), (wide * 1.4, -tall - 0.2), (wide, -tall)],
        mix(colour, (255, 255, 255), 0.25),
    )
    pen.fill([(wide, -tall), (wide * 1.4, -tall - 0.2), (wide * 1.4, -0.1), (wide, 0.1)], mix(colour, (0, 0, 0), 0.25))


def _tree(pen: Pen, rng: np.random.Generator) -> None:
    leaf = choose(LEAVES, rng)
    pen.fill([(-0.12, 0.1), (-0.08, -1.2), (0.08, -1.2), (0.12, 0.1)], (104, 78, 56))
    if rng.random() < 0.4:  # a fir
        for y in (-0.3, -0.9, -1.5):
            pen.fill([(-0.75 - y * -0.2, y), (0, y - 1), (0.75 + y * 0.2, y)], leaf)
        return
    for x, y in rng.uniform((-0.5, -2.1), (0.5, -1.2), (6, 2)):
        pen.oval(x, y, 0.48, colour=mix(leaf, (230, 240, 160), rng.uniform(0, 0.25)))


def _bush(pen: Pen, rng: np.random.Generator) -> None:
    leaf = choose(LEAVES, rng)
    for x in rng.uniform(-0.9, 0.9, 6):
        pen.oval(x, -0.2, 0.4, colour=mix(leaf, (20, 40, 20), rng.uniform(0, 0.35)))


def _fence(pen: Pen, rng: np.random.Generator) -> None:
    wood = mix(any_colour(rng), (240, 234, 224), 0.6)
    for y in (-0.75, -0.3):
        pen.box(-3, y, 3, y + 0.12, mix(wood, (40, 30, 20), 0.2))
    for x in np.arange(-3, 3, 0.4):
        pen.fill([(x, 0.05), (x, -0.9), (x + 0.12, -1.05), (x + 0.24, -0.9), (x + 0.24, 0.05)], wood)


def _house(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(-1, 0.1, 1, -1, mix(any_colour(rng), (250, 240, 220), 0.5))
    pen.fill([(-1.2, -0.95), (0, -1.8), (1.2, -0.95)], any_colour(rng))
    pen.box(0.3, -0.7, 0.7, -0.3, (90, 110, 140))


def _ball(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    pen.oval(0.1, 0.95, 1.0, 0.2, colour=(20, 16, 20, 80))
    pen.oval(0, 0, 1, colour=colour)
    if rng.random() < 0.5:
        for bend in (-0.5, 0.5):  # the seam of a tennis ball
            pen.stroke([(bend * 1.5, -0.66), (bend * 0.6, 0), (bend * 1.5, 0.66)], (245, 245, 245), 0.12)
    else:
        for turn in rng.uniform(0, 3.1, 4):  # a thread wound around it
            pen.moved(0, 0, turn=turn).stroke(
                [(-0.9, 0), (0, 0.35), (0.9, 0)], mix(colour, (255, 255, 255), 0.35), 0.08
            )
    pen.oval(-0.35, -0.4, 0.2, colour=(255, 255, 255, 120))


def _bowl(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    pen.fill([(-1.1, 0), (1.1, 0), (0.8, 0.8), (-0.8, 0.8)], colour)
    pen.oval(0, 0, 1.1, 0.3, colour=mix(colour, (255, 255, 255), 0.3))
    pen.oval(0, 0.03, 0.9, 0.2, colour=(120, 80, 50))


def _leaf_spray(pen: Pen, rng: np.random.Generator) -> None:
    leaf = choose(LEAVES, rng)
    for angle in rng.uniform(-1.4, 1.4, 5):
        pen.moved(0, 1, turn=angle).blob(
            [(0, 0), (0.2, -0.8), (0, -1.6), (-0.2, -0.8)], mix(leaf, (240, 240, 180), rng.uniform(0, 0.3))
        )


def draw_grass(pen: Pen, wide: float, rng: np.random.Generator) -> None:
    """Draw blades along the bottom: the pen's unit is their largest height, `wide` their extent in units."""
    leaf = choose(LEAVES, rng)
    for x in rng.uniform(0, wide, int(min(18 * wide, 60))):
        tall, lean = rng.uniform(0.25, 0.7), rng.normal(0, 0.12)
        pen.fill([(x - 0.025, 0), (x + lean, -tall), (x + 0.025, 0)], mix(leaf, (20, 50, 20), rng.uniform(0, 0.4)))


Thing: TypeAlias = Callable[[Pen, np.random.Generator], None]

# Objects on walls, on floors, on land, on blankets, and in front of an animal.
WALL_THINGS: tuple[Thing, ...] = (_window, _picture, _shelf)
FLOOR_THINGS: tuple[Thing, ...] = (_sofa, _potted_plant, _lamp, _box)
LAND_THINGS: tuple[Thing, ...] = (_tree, _bush, _fence, _house)
BLANKET_THINGS: tuple[Thing, ...] = (_cushion,)
SMALL_THINGS: tuple[Thing, ...] = (_ball, _ball, _bowl, _leaf_spray)
