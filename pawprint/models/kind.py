"""What photos are like: how they look, and what a model answers to them. A model keeps it of those it learned from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

TRAITS = ("brightness", "contrast", "sharpness", "colourfulness")
MOST_PHOTOS = 500
"""Photos that are measured, from all over."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in a pixel's grey value (ITU-R BT.601)."""


@dataclass(frozen=True)
class Kind:
    """What photos are like.

    Attributes:
        traits: by the names of `TRAITS`, the values of some photos, each [n].
        predicted: how often each class was answered, [k]; empty if the model could not be asked.
        unlike: number of these photos that are unlike anything the model learned from.
    """

    traits: Mapping[str, npt.NDArray[np.float64]]
    predicted: npt.NDArray[np.int64]
    unlike: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the entry `photos` of model.json; four digits are plenty."""
        return {
            "traits": {name: [float(f"{value:.4g}") for value in values] for name, values in self.traits.items()},
            "predicted": self.predicted.tolist(),
            "unlike": self.unlike,
        }


def read_kind(description: Mapping[str, Any]) -> Kind | None:
    """Return what a model's model.json says of its photos; None if an earlier version wrote it.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the entry is not what `describe` returns.
    """
    if "photos" not in description:
        return None
    photos = description["photos"]
    traits = {name: np.asarray(photos["traits"][name], np.float64) for name in TRAITS}
    return Kind(traits, np.asarray(photos["predicted"], np.int64), int(photos["unlike"]))


def measure_traits(images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float64]]:
    """Measure the traits of photos.

    Args:
        images: [n, side, side, 3].

    Returns:
        By the names of `TRAITS`, each [n]: mean grey and its standard deviation (0 to 255), the variance of its
        Laplacian (Pech-Pacheco et al. 2000), and the colourfulness of Hasler and Süsstrunk (2003).
    """
    pixels = images.astype(np.float32)
    grey = pixels @ LUMA.astype(np.float32)
    middle = grey[:, 1:-1, 1:-1]
    laplacian = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle
    red_green = pixels[..., 0] - pixels[..., 1]
    yellow_blue = (pixels[..., 0] + pixels[..., 1]) / 2 - pixels[..., 2]
    places = (1, 2)
    spread = np.hypot(red_green.std(axis=places), yellow_blue.std(axis=places))
    offset = np.hypot(red_green.mean(axis=places), yellow_blue.mean(axis=places))
    traits = {
        "brightness": grey.mean(axis=places),
        "contrast": grey.std(axis=places),
        "sharpness": laplacian.var(axis=places),
        "colourfulness": spread + 0.3 * offset,
    }
    return {name: values.astype(np.float64) for name, values in traits.items()}


def choose_evenly(number: int, most: int = MOST_PHOTOS) -> npt.NDArray[np.int64]:
    """Return the places of at most so many photos, from all over.

    >>> choose_evenly(7, 3).tolist()
    [0, 3, 6]
    """
    return np.linspace(0, number - 1, min(number, most)).astype(np.int64)


def join_traits(parts: Iterable[npt.NDArray[np.uint8]]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the traits of photos that come in batches, uint8 [n, side, side, 3]."""
    measured = [measure_traits(part) for part in parts if len(part)]
    return {name: np.concatenate([np.empty(0), *(one[name] for one in measured)]) for name in TRAITS}
