"""What stands around a drawn animal: rooms, gardens, blankets, and things in front and behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pawprint.photos.drawn_shapes import Colour, Pen, mix, oval_points

if TYPE_CHECKING:
    from collections.abc import Callable

LEAVES: tuple[Colour, ...] = ((70, 130, 60), (104, 150, 70), (48, 100, 64), (140, 158, 80))
SKIES: tuple[Colour, ...] = ((140, 190, 235), (186, 212, 232), (236, 190, 150), (120, 140, 176), (60, 74, 120))
GROUNDS: tuple[Colour, ...] = ((104, 156, 72), (136, 160, 84), (222, 204, 160), (236, 240, 246), (150, 120, 90), (128, 128, 130))


def any_colour(rng: np.random.Generator) -> Colour:
    """Any colour but the glaring ones."""
    grey, red, green, blue = rng.uniform(40, 225, 4)
    return mix((int(red), int(green), int(blue)), (int(grey),) * 3, 0.45)


def draw_scene(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    """Draws what lies behind the animal.

    Args:
        size: width and height in pixels.
        ground: the height (pixels from the top) at which floor or land begins.
        rng: which scene, and everything in it.

    Returns:
        An RGB image.
    """
    scene = _SCENES[rng.choice(len(_SCENES), p=[0.32, 0.36, 0.16, 0.16])]
    return scene(size, ground, rng)


def draw_foreground(image: Image.Image, top: float, rng: np.random.Generator) -> None:
    """Draws things (a ball, a bowl, grass, leaves) in front of the animal, none of them above `top` pixels."""
    width, height = image.size
    if top > height * 0.97:
        return
    for _ in range(rng.integers(0, 3)):
        x, y = rng.uniform(0, width), rng.uniform(top, height)
        unit = min(width, height) * rng.uniform(0.05, 0.11)
        if y - unit > top:
            _THINGS[rng.integers(len(_THINGS))](_pen(image, x, y, unit), rng)
    if rng.random() < 0.22:
        _grass(_pen(image, 0, height, height - top), width / (height - top), rng)


def _pen(image: Image.Image, x: float, y: float, unit: float) -> Pen:
    return Pen(image, np.eye(2) * unit, np.array([x, y]), (40, 34, 34), 0.0)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    ends = np.array([[top], [bottom]], dtype=np.uint8)
    return Image.fromarray(ends).resize(size, Image.Resampling.BILINEAR)


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
            pen.fill([(x, 0), (x + step / 2, 0), (x + step / 2, ground), (x, ground)], paper)
    elif style == 1:
        for x in np.arange(step / 2, width, step):
            for y in np.arange(step / 2, ground, step):
                pen.oval(x, y, step * 0.16, colour=paper)
    for _ in range(rng.integers(0, 3)):
        _WALL_THINGS[rng.integers(len(_WALL_THINGS))](
            _pen(image, rng.uniform(0, width), ground * rng.uniform(0.2, 0.6), height * rng.uniform(0.12, 0.22)), rng
        )
    pen.fill([(0, ground), (width, ground), (width, height), (0, height)], floor)
    if rng.random() < 0.5:  # floorboards towards a vanishing point
        for x in np.linspace(-width, 2 * width, 22):
            pen.stroke([((x + width / 2) / 2, ground), (x, height)], mix(floor, (20, 16, 12), 0.25), height / 220)
    if rng.random() < 0.35:
        pen.oval(width * rng.uniform(0.2, 0.8), (ground + height) / 2, width * 0.45, (height - ground) * 0.35, colour=any_colour(rng))
    pen.fill([(0, ground - height * 0.025), (width, ground - height * 0.025), (width, ground), (0, ground)], mix(wall, (255, 255, 255), 0.4))
    for _ in range(rng.integers(0, 3)):
        thing = (_sofa, _potted_plant, _lamp, _box)[rng.integers(4)]
        thing(_pen(image, rng.uniform(0, width), ground + height * rng.uniform(0, 0.06), height * rng.uniform(0.16, 0.32)), rng)
    return image


def _garden(size: tuple[int, int], ground: float, rng: np.random.Generator) -> Image.Image:
    width, height = size
    sky, land = SKIES[rng.integers(len(SKIES))], mix(GROUNDS[rng.integers(len(GROUNDS))], any_colour(rng), 0.15)
    image = _gradient(size, sky, mix(sky, (255, 250, 240), rng.uniform(0.1, 0.6)))
    pen = _pen(image, 0, 0, 1)
    if rng.random() < 0.3:
        pen.oval(rng.uniform(0, width), rng.uniform(0, ground), height * rng.uniform(0.05, 0.1), colour=(255, 240, 180))
    for _ in range(rng.integers(0, 4)):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, ground), height * rng.uniform(0.04, 0.1)
        for dx, size_share in ((-1.2, 0.7), (0, 1), (1.1, 0.8)):
            pen.oval(x + dx * radius, y, radius * size_share * 1.3, radius * size_share, colour=(255, 255, 255, 150))
    for _ in range(rng.integers(0, 3)):
        far = mix(land, sky, rng.uniform(0.3, 0.7))
        pen.oval(rng.uniform(0, width), ground + height * 0.06, width * rng.uniform(0.3, 0.7), height * rng.uniform(0.12, 0.3), colour=far)
    for _ in range(rng.integers(0, 4)):
        thing = (_tree, _bush, _fence, _house)[rng.integers(4)]
        thing(_pen(image, rng.uniform(0, width), ground + height * 0.02, height * rng.uniform(0.14, 0.32)), rng)
    pen.fill([(0, ground), (width, ground), (width, height), (0, height)], land)
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
            pen.fill([(x, -reach), (x + step * 0.4, -reach), (x + step * 0.4, reach * 2), (x, reach * 2)], (*other, 150))
        if style == 1:
            pen.fill([(-reach, x), (-reach, x + step * 0.4), (reach * 2, x + step * 0.4), (reach * 2, x)], (*other, 110))
    if style == 2:
        for x, y in rng.uniform((0, 0), size, (40, 2)):
            _pen(image, x, y, 1).oval(0, 0, step * 0.3, colour=other)
    for _ in range(rng.integers(0, 3)):  # cushions
        _cushion(_pen(image, rng.uniform(0, width), ground * rng.uniform(0.3, 1.1), height * rng.uniform(0.15, 0.3)), rng)
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


def _window(pen: Pen, rng: np.random.Generator) -> None:
    sky = SKIES[rng.integers(len(SKIES))]
    pen.fill([(-1, -1), (1, -1), (1, 1), (-1, 1)], (240, 238, 232))
    for x in (-0.9, 0.05):
        for y in (-0.9, 0.05):
            pen.fill([(x, y), (x + 0.85, y), (x + 0.85, y + 0.85), (x, y + 0.85)], sky)


def _picture(pen: Pen, rng: np.random.Generator) -> None:
    tall = rng.uniform(0.6, 1.3)
    pen.fill([(-0.8, -tall), (0.8, -tall), (0.8, tall), (-0.8, tall)], any_colour(rng))
    pen.fill([(-0.65, 0.15 - tall), (0.65, 0.15 - tall), (0.65, tall - 0.15), (-0.65, tall - 0.15)], any_colour(rng))
    pen.oval(rng.uniform(-0.3, 0.3), 0, 0.3, colour=any_colour(rng))


def _shelf(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill([(-1.2, 0.5), (1.2, 0.5), (1.2, 0.62), (-1.2, 0.62)], (120, 86, 56))
    x = -1.1
    while x < 1:
        wide, tall = rng.uniform(0.12, 0.3), rng.uniform(0.4, 0.9)
        pen.fill([(x, 0.5 - tall), (x + wide, 0.5 - tall), (x + wide, 0.5), (x, 0.5)], any_colour(rng))
        x += wide + 0.03


def _sofa(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    dark = mix(colour, (20, 16, 20), 0.25)
    pen.blob([(-1.6, -1.0), (0, -1.1), (1.6, -1.0), (1.7, 0.1), (-1.7, 0.1)], colour)
    pen.fill([(-1.6, -0.4), (1.6, -0.4), (1.6, 0.1), (-1.6, 0.1)], dark)
    for side in (-1, 1):
        pen.oval(1.65 * side, -0.3, 0.3, 0.45, colour=mix(colour, (255, 255, 255), 0.1))


def _cushion(pen: Pen, rng: np.random.Generator) -> None:
    pen.moved(0, 0, turn=rng.uniform(0, 1.5)).blob([(-1, -1), (0, -0.8), (1, -1), (0.8, 0), (1, 1), (0, 0.8), (-1, 1), (-0.8, 0)], any_colour(rng))


def _potted_plant(pen: Pen, rng: np.random.Generator) -> None:
    leaf = LEAVES[rng.integers(len(LEAVES))]
    for angle in rng.uniform(-1.2, 1.2, 7):
        pen.moved(0, -0.5, turn=angle).blob([(0, 0), (0.16, -0.5), (0, -1.1), (-0.16, -0.5)], mix(leaf, (10, 30, 10), rng.uniform(0, 0.4)))
    pen.fill([(-0.4, -0.6), (0.4, -0.6), (0.28, 0.1), (-0.28, 0.1)], any_colour(rng))


def _lamp(pen: Pen, rng: np.random.Generator) -> None:
    pen.stroke([(0, 0.1), (0, -1.8)], (90, 80, 74), 0.07)
    pen.fill([(-0.3, -2.3), (0.3, -2.3), (0.55, -1.6), (-0.55, -1.6)], mix(any_colour(rng), (255, 230, 170), 0.5))


def _box(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    wide, tall = rng.uniform(0.4, 1.0), rng.uniform(0.5, 1.4)
    pen.fill([(-wide, -tall), (wide, -tall), (wide, 0.1), (-wide, 0.1)], colour)
    pen.fill([(-wide, -tall), (-wide * 0.6, -tall - 0.2), (wide * 1.4, -tall - 0.2), (wide, -tall)], mix(colour, (255, 255, 255), 0.25))
    pen.fill([(wide, -tall), (wide * 1.4, -tall - 0.2), (wide * 1.4, -0.1), (wide, 0.1)], mix(colour, (0, 0, 0), 0.25))


def _tree(pen: Pen, rng: np.random.Generator) -> None:
    leaf = LEAVES[rng.integers(len(LEAVES))]
    pen.fill([(-0.12, 0.1), (-0.08, -1.2), (0.08, -1.2), (0.12, 0.1)], (104, 78, 56))
    if rng.random() < 0.4:  # a fir
        for y in (-0.3, -0.9, -1.5):
            pen.fill([(-0.75 - y * -0.2, y), (0, y - 1), (0.75 + y * 0.2, y)], leaf)
        return
    for x, y in rng.uniform((-0.5, -2.1), (0.5, -1.2), (6, 2)):
        pen.oval(x, y, 0.48, colour=mix(leaf, (230, 240, 160), rng.uniform(0, 0.25)))


def _bush(pen: Pen, rng: np.random.Generator) -> None:
    leaf = LEAVES[rng.integers(len(LEAVES))]
    for x in rng.uniform(-0.9, 0.9, 6):
        pen.oval(x, -0.2, 0.4, colour=mix(leaf, (20, 40, 20), rng.uniform(0, 0.35)))


def _fence(pen: Pen, rng: np.random.Generator) -> None:
    wood = mix(any_colour(rng), (240, 234, 224), 0.6)
    for y in (-0.75, -0.3):
        pen.fill([(-3, y), (3, y), (3, y + 0.12), (-3, y + 0.12)], mix(wood, (40, 30, 20), 0.2))
    for x in np.arange(-3, 3, 0.4):
        pen.fill([(x, 0.05), (x, -0.9), (x + 0.12, -1.05), (x + 0.24, -0.9), (x + 0.24, 0.05)], wood)


def _house(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill([(-1, 0.1), (-1, -1), (1, -1), (1, 0.1)], mix(any_colour(rng), (250, 240, 220), 0.5))
    pen.fill([(-1.2, -0.95), (0, -1.8), (1.2, -0.95)], any_colour(rng))
    pen.fill([(0.3, -0.7), (0.7, -0.7), (0.7, -0.3), (0.3, -0.3)], (90, 110, 140))


def _ball(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    pen.oval(0.1, 0.95, 1.0, 0.2, colour=(20, 16, 20, 80))
    pen.oval(0, 0, 1, colour=colour)
    if rng.random() < 0.5:
        for bend in (-0.5, 0.5):  # the seam of a tennis ball
            pen.stroke([(bend * 1.5, -0.66), (bend * 0.6, 0), (bend * 1.5, 0.66)], (245, 245, 245), 0.12)
    else:
        for turn in rng.uniform(0, 3.1, 4):  # a thread wound around it
            pen.moved(0, 0, turn=turn).stroke([(-0.9, 0), (0, 0.35), (0.9, 0)], mix(colour, (255, 255, 255), 0.35), 0.08)
    pen.oval(-0.35, -0.4, 0.2, colour=(255, 255, 255, 120))


def _bowl(pen: Pen, rng: np.random.Generator) -> None:
    colour = any_colour(rng)
    pen.fill([(-1.1, 0), (1.1, 0), (0.8, 0.8), (-0.8, 0.8)], colour)
    pen.oval(0, 0, 1.1, 0.3, colour=mix(colour, (255, 255, 255), 0.3))
    pen.oval(0, 0.03, 0.9, 0.2, colour=(120, 80, 50))


def _leaf_spray(pen: Pen, rng: np.random.Generator) -> None:
    leaf = LEAVES[rng.integers(len(LEAVES))]
    for angle in rng.uniform(-1.4, 1.4, 5):
        pen.moved(0, 1, turn=angle).blob([(0, 0), (0.2, -0.8), (0, -1.6), (-0.2, -0.8)], mix(leaf, (240, 240, 180), rng.uniform(0, 0.3)))


def _grass(pen: Pen, wide: float, rng: np.random.Generator) -> None:
    """Blades along the bottom: the pen's unit is how high they may grow, `wide` how far they go, in units."""
    leaf = LEAVES[rng.integers(len(LEAVES))]
    for x in rng.uniform(0, wide, int(min(18 * wide, 60))):
        tall, lean = rng.uniform(0.25, 0.7), rng.normal(0, 0.12)
        pen.fill([(x - 0.025, 0), (x + lean, -tall), (x + 0.025, 0)], mix(leaf, (20, 50, 20), rng.uniform(0, 0.4)))


_SCENES: tuple[Callable[[tuple[int, int], float, np.random.Generator], Image.Image], ...] = (_room, _garden, _blanket, _studio)
_WALL_THINGS: tuple[Callable[[Pen, np.random.Generator], None], ...] = (_window, _picture, _shelf)
_THINGS: tuple[Callable[[Pen, np.random.Generator], None], ...] = (_ball, _bowl, _leaf_spray, _ball)
