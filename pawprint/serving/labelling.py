"""Choose, of photos that a model has answered, those most worth a label: uncertain, and unlike each other.

Uncertain is a photo whose two likeliest classes are close. The most uncertain alone would be fifty of one kind, so the
photos are chosen as k-means++ chooses its centres (Arthur and Vassilvitskii 2007), in the network's features: each is
far from those before it, and stands for many others, as uncertain ones weigh more. That is the choice of BADGE (Ash et
al. 2020) with the weights of Zhdanov's *Diverse mini-batch active learning* (2019), for any number of classes.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawprint.photos.collection import Photo

MOST_KEPT = 5000
"""Photos, the most uncertain, that are compared with one another. Twice as many are held, whose features take 5 MB."""
MOST_CHOSEN = 500
_DIMENSIONS = 128
_LEAST = 1e-6
"""Uncertainty of a photo that the model is quite sure of: where all are, they are chosen as unlike each other alone."""


@dataclass(frozen=True)
class Uncertain:
    """A photo and the model's answer.

    Attributes:
        photo: the photo.
        name: its name in tables.
        probabilities: float32 [k].
        unlike: whether it is unlike anything that the model learned from.
        uncertainty: see `measure_uncertainty`.
        features: float32 [d], the result of `shorten`; empty if the model gives none.
    """

    photo: Photo
    name: str
    probabilities: NDArray[np.float32]
    unlike: bool
    uncertainty: float
    features: NDArray[np.float32]


@dataclass
class Shortlist:
    """The most uncertain of all photos that were added, at most `MOST_KEPT`: memory stays flat."""

    photos: list[Uncertain] = field(default_factory=list)

    def add(self, photo: Uncertain) -> None:
        """Add a photo, and forget the surest from time to time."""
        self.photos.append(photo)
        if len(self.photos) >= 2 * MOST_KEPT:
            self._forget()

    def choose(self) -> list[Uncertain]:
        """Return the photos most worth a label, the most valuable first, at most `MOST_CHOSEN`.

        Without features, as of a model of an earlier version, they are the most uncertain.
        """
        self._forget()
        if not self.photos or not self.photos[0].features.size:
            return self.photos[:MOST_CHOSEN]
        uncertainty = np.array([one.uncertainty for one in self.photos])
        features = np.stack([one.features for one in self.photos])
        return [self.photos[place] for place in choose_photos(uncertainty, features)]

    def _forget(self) -> None:
        self.photos = sorted(self.photos, key=lambda one: -one.uncertainty)[:MOST_KEPT]


def measure_uncertainty(probabilities: NDArray[np.float32], unlike: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how uncertain the answers are, [n]: 1 where two classes are equally likely, 0 where one is sure.

    It is 1 for what is unlike anything that the model learned from, where its probabilities say nothing.

    Args:
        probabilities: [n, k], of two classes or more.
        unlike: [n].

    >>> measure_uncertainty(np.array([[0.75, 0.25], [1, 0], [1, 0]]), np.array([False, False, True])).tolist()
    [0.5, 0.0, 1.0]
    """
    second, first = np.partition(probabilities.astype(np.float64), -2, axis=1)[:, -2:].T
    return np.where(unlike, 1.0, 1 - (first - second))


def shorten(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features [n, d] in at most `_DIMENSIONS`, by a random projection, which is always the same.

    It keeps distances (Johnson and Lindenstrauss 1984), and takes a tenth of the room and of the time.
    """
    if features.shape[1] <= _DIMENSIONS or not len(features):
        return features[:, :_DIMENSIONS]
    shortened: NDArray[np.float32] = _projection(features.shape[1]).transform(features).astype(np.float32)
    return shortened


@cache
def _projection(width: int) -> Any:
    from sklearn.random_projection import GaussianRandomProjection

    return GaussianRandomProjection(_DIMENSIONS, random_state=0).fit(np.zeros((1, width)))


def choose_photos(uncertainty: NDArray[np.float64], features: NDArray[np.float32]) -> list[int]:
    """Return the places of the photos most worth a label, the most valuable first, at most `MOST_CHOSEN`.

    The first n of them are as good a choice of n.

    Args:
        uncertainty: [n].
        features: [n, d], the result of `shorten`.
    """
    from sklearn.cluster import kmeans_plusplus

    number, weights = min(MOST_CHOSEN, len(features)), np.maximum(uncertainty, _LEAST)
    _, places = kmeans_plusplus(features.astype(np.float64), number, sample_weight=weights, random_state=0)
    # Copies of one picture are chosen twice only where nothing else is left.
    return list(dict.fromkeys(places.tolist()))
