"""The fur of drawn animals: colours and markings, equally distributed over cats and dogs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pawprint.drawn.colours import Colour, choose, mix
from pawprint.drawn.shapes import Pen, Points, oval_points

# The same list for cats and dogs: a colour must not reveal the class.
COATS: tuple[Colour, ...] = (
    (226, 146, 62), (196, 118, 54), (150, 98, 58), (104, 68, 44), (72, 50, 40), (46, 44, 48), (70, 72, 78),
    (120, 124, 132), (164, 166, 170), (214, 208, 198), (240, 236, 228), (232, 206, 160), (206, 176, 130),
    (176, 140, 100), (132, 112, 96), (236, 186, 116),
)  # fmt: skip
MARKINGS = ("plain", "white", "stripes", "patches", "dark", "spots")


@dataclass(frozen=True)
class Coat:
    """The colours and the marking of an animal.

    Attributes:
        base: the fur.
        shade: fur in the shade (far legs, the back of ears).
        second: the fur of muzzle, chest and paws, and of the markings.
        markings: one of `MARKINGS`.
        whisker: a colour that contrasts with the fur.
    """

    base: Colour
    shade: Colour
    second: Colour
    markings: str
    whisker: Colour


def choose_coat(rng: np.random.Generator) -> Coat:
    """Choose a random coat, with the same distribution for cats and dogs."""
    red, green, blue = np.clip(choose(COATS, rng) + rng.normal(0, 8, 3), 20, 250).astype(int)
    base = (int(red), int(green), int(blue))
    light = sum(base) > 330
    markings = choose(MARKINGS, rng)
    second = base
    if markings in ("white", "patches"):
        second = (246, 243, 236) if sum(base) < 600 else choose(COATS[:7], rng)
    elif markings in ("stripes", "spots"):
        second = mix(base, (20, 14, 10) if light else (235, 225, 210), 0.42)
    elif markings == "dark":
        second = mix(base, (25, 18, 16), 0.72) if light else mix(base, (240, 220, 190), 0.6)
    return Coat(
        base=base,
        shade=mix(base, (20, 16, 30), 0.24),
        second=second,
        markings=markings,
        whisker=(252, 252, 252) if sum(base) < 560 else (70, 64, 62),
    )


def mark(pen: Pen, outline: Points, coat: Coat, rng: np.random.Generator) -> None:
    """Paint the coat's stripes, spots or patches inside the outline of a body or head."""
    if coat.markings not in ("stripes", "spots", "patches"):
        return
    outline = np.asarray(outline)
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle, span = (low + high) / 2, high - low
    shapes: list[Points] = []
    if coat.markings == "stripes":
        for x in np.linspace(low[0], high[0], int(5 + 2 * span[0])):
            depth = span[1] * rng.uniform(0.2, 0.45)
            lean = rng.uniform(-0.1, 0.1)
            shapes.append([(x - 0.07, low[1] - 0.1), (x + 0.07, low[1] - 0.1), (x + lean, low[1] + depth)])
    elif coat.markings == "spots":
        for x, y in rng.uniform(low, high, (int(5 * span.prod()), 2)):
            shapes.append(oval_points(x, y, rng.uniform(0.06, 0.13)))
    else:
        for x, y in middle + rng.uniform(-0.6, 0.6, (2, 2)) * span:
            shapes.append(oval_points(x, y, span[0] * rng.uniform(0.2, 0.4), span[1] * rng.uniform(0.3, 0.5)))
    pen.clip(outline, shapes, coat.second)
