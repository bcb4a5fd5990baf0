"""Colours for the drawings, and random choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

Colour: TypeAlias = tuple[int, int, int]
Option = TypeVar("Option")


def choose(options: Sequence[Option], rng: np.random.Generator) -> Option:
    """Return one of the options at random; the generator's own `choice` would first make an array of them."""
    return options[int(rng.integers(len(options)))]


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a colour with `share` (0 to 1) of another one mixed in.

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def any_colour(rng: np.random.Generator) -> Colour:
    """Return any colour except the glaring ones."""
    grey, red, green, blue = rng.uniform(40, 225, 4)
    return mix((int(red), int(green), int(blue)), (int(grey),) * 3, 0.45)
