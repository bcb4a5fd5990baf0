"""Colours for the drawings, and choosing by lot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

Colour: TypeAlias = tuple[int, int, int]
Option = TypeVar("Option")


def choose(options: Sequence[Option], rng: np.random.Generator) -> Option:
    """Chooses one of the options; unlike the generator's own `choice`, without making an array of them."""
    return options[int(rng.integers(len(options)))]


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Mixes `share` (0 to 1) of another colour into one.

    >>> mix((0, 0, 0), (200, 100, 50), 0.5)
    (100, 50, 25)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def any_colour(rng: np.random.Generator) -> Colour:
    """Any colour but the glaring ones."""
    grey, red, green, blue = rng.uniform(40, 225, 4)
    return mix((int(red), int(green), int(blue)), (int(grey),) * 3, 0.45)
