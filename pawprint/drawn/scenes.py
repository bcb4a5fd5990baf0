"""Draw the surroundings of an animal: rooms, gardens, blankets, and objects behind and in front."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pawprint.drawn.colours import Colour, any_colour, choose, mix
from pawprint.drawn.shapes import Pen
from pawprint.drawn.things import (
    BLANKET_THINGS,
    FLOOR_THINGS,
    LAND_THINGS,
    SKIES,
    SMALL_THINGS,
    WALL_THINGS,
    Thing,
    draw_grass,
)

GROUNDS: tuple[Colour, ...] = (
    (104, 156, 72), (136, 160, 84), (222, 204, 160), (236, 240, 246), (150, 120, 90), (128, 128, 130),
)  # fmt: skip


def draw_scene(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    """Draw the background.

    Args:
        size: width and height in pixels.
        ground: the height (pixels from the top) at which floor or land begins.
        rng: random generator for the scene and everything in it.

    Returns:
        An RGB image.
    """
    scene = _SCENES[rng.choice(len(_SCENES), p=[0.32, 0.36, 0.16, 0.16])]
    return scene(size, ground, rng)


def draw_foreground(image: Image.Image, top: float, rng: np.random.Generator) -> None:
    """Draw objects (a ball, a bowl, grass, leaves) in front of the animal, none of them above `top` pixels."""
    width, height = image.size
    if top > height * 0.97:
        return
    for _ in range(rng.integers(0, 3)):
        x, y = rng.uniform(0, width), rng.uniform(top, height)
        unit = min(width, height) * rng.uniform(0.05, 0.11)
        if y - unit > top:
            choose(SMALL_THINGS, rng)(_pen(image, x, y, unit), rng)
    if rng.random() < 0.22:
        draw_grass(_pen(image, 0, height, height - top), width / (height - top), rng)


def _pen(image: Image.Image, x: float, y: float, unit: float) -> Pen:
    return Pen(image, np.eye(2) * unit, np.array([x, y]), (40, 34, 34), 0.0)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    # A column stretched sideways: ten times as fast as interpolating every pixel of a large image.
    column = np.linspace(top, bottom, size[1]).astype(np.uint8)[:, np.newaxis]
    return Image.fromarray(column).resize(size, Image.Resampling.NEAREST)


def _put_some(
    things: tuple[Thing, ...],
    image: Image.Image,
    heights: tuple[float, float],
    sizes: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Draw up to three objects: heights are pixels from the top, sizes are shares of the image's height."""
    for _ in range(rng.integers(0, 4)):
        x, y, unit = rng.uniform(0, image.width), rng.uniform(*heights), rng.uniform(*sizes) * image.height
        choose(things, rng)(_pen(image, x, y, unit), rng)


def _room(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    width, height = size
    wall, floor = mix(any_colour(rng), (255, 250, 240), rng.uniform(0, 0.5)), any_colour(rng)
    image = _gradient(size, wall, mix(wall, (30, 30, 40), 0.15))
    pen = _pen(image, 0, 0, 1)
    paper = mix(wall, any_colour(rng), 0.3)
    style = rng.integers(4)
    step = rng.uniform(0.06, 0.16) * height
    if style == 0:
        for x in np.arange(0, width, step):
            pen.box(x, 0, x + step / 2, ground, paper)
    elif style == 1:
        for x in np.arange(step / 2, width, step):
            for y in np.arange(step / 2, ground, step):
                pen.oval(x, y, step * 0.16, colour=paper)
    _put_some(WALL_THINGS, image, (ground * 0.2, ground * 0.6), (0.12, 0.22), rng)
    pen.box(0, ground, width, height, floor)
    if rng.random() < 0.5:  # floorboards towards a vanishing point
        for x in np.linspace(-width, 2 * width, 22):
            pen.stroke([((x + width / 2) / 2, ground), (x, height)], mix(floor, (20, 16, 12), 0.25), height / 220)
    if rng.random() < 0.35:  # a rug
        middle, deep = width * rng.uniform(0.2, 0.8), (height - ground) / 2
        pen.oval(middle, ground + deep, width * 0.45, deep * 0.7, colour=any_colour(rng))
    pen.box(0, ground - height * 0.025, width, ground, mix(wall, (255, 255, 255), 0.4))
    _put_some(FLOOR_THINGS, image, (ground, ground + height * 0.06), (0.16, 0.32), rng)
    return image


def _garden(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    width, height = size
    sky, land = choose(SKIES, rng), mix(choose(GROUNDS, rng), any_colour(rng), 0.15)
    image = _gradient(size, sky, mix(sky, (255, 250, 240), rng.uniform(0.1, 0.6)))
    pen = _pen(image, 0, 0, 1)
    if rng.random() < 0.3:
        pen.oval(rng.uniform(0, width), rng.uniform(0, ground), height * rng.uniform(0.05, 0.1), colour=(255, 240, 180))
    for _ in range(rng.integers(0, 4)):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, ground), height * rng.uniform(0.04, 0.1)
        for dx, size_share in ((-1.2, 0.7), (0, 1), (1.1, 0.8)):
            pen.oval(x + dx * radius, y, radius * size_share * 1.3, radius * size_share, colour=(255, 255, 255, 150))
    for _ in range(rng.integers(0, 3)):
        far, wide = mix(land, sky, rng.uniform(0.3, 0.7)), width * rng.uniform(0.3, 0.7)
        pen.oval(rng.uniform(0, width), ground, wide, height * rng.uniform(0.08, 0.24), colour=far)
    _put_some(LAND_THINGS, image, (ground + height * 0.02,) * 2, (0.14, 0.32), rng)
    pen.box(0, ground, width, height, land)
    deep = mix(land, (20, 40, 20), 0.3)
    for x, y in rng.uniform((0, ground), (width, height), (int(rng.integers(0, 60)), 2)):
        pen.stroke([(x, y), (x + height * 0.008, y - height * 0.03)], deep, height / 160)
    if rng.random() < 0.35:
        petals = any_colour(rng)
        for x, y in rng.uniform((0, ground), (width, height), (int(rng.integers(4, 16)), 2)):
            pen.oval(x, y, height * 0.014, colour=mix(petals, (255, 255, 255), 0.3))
            pen.oval(x, y, height * 0.006, colour=(240, 210, 80))
    return image


def _blanket(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    width, height = size
    base, other = any_colour(rng), any_colour(rng)
    image = _gradient(size, base, mix(base, (20, 20, 30), rng.uniform(0, 0.4)))
    step, lean = height * rng.uniform(0.07, 0.2), rng.uniform(-0.6, 0.6)
    pen = Pen(image, np.array([[1, -lean], [lean, 1]]), np.array([0.0, 0.0]))
    reach, style = float(width + height), rng.integers(3)
    for x in np.arange(-reach, 2 * reach, step):
        if style < 2:
            pen.box(x, -reach, x + step * 0.4, reach * 2, (*other, 150))
        if style == 1:
            pen.box(-reach, x, reach * 2, x + step * 0.4, (*other, 110))
    if style == 2:
        for x, y in rng.uniform((0, 0), size, (40, 2)):
            _pen(image, x, y, 1).oval(0, 0, step * 0.3, colour=other)
    _put_some(BLANKET_THINGS, image, (ground * 0.3, ground * 1.1), (0.15, 0.3), rng)
    return image


def _studio(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    width, height = size
    image = _gradient(size, any_colour(rng), any_colour(rng))
    if rng.random() < 0.6:  # lights out of focus
        for _ in range(rng.integers(5, 20)):
            alpha = int(rng.integers(30, 110))
            radius = height * rng.uniform(0.03, 0.14)
            at = _pen(image, rng.uniform(0, width), rng.uniform(0, max(ground, height * 0.5)), 1)
            at.oval(0, 0, radius, colour=(*mix(any_colour(rng), (255, 255, 255), 0.4), alpha))
    return image


_SCENES = (_room, _garden, _blanket, _studio)
