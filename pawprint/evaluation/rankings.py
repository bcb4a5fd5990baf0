"""Rank the photos by the probability of one class, in as many numbers as the class has photos.

All that a ROC curve, a precision-recall curve and their areas depend on is how many other photos stand above each photo
of the class. Of 100,000 photos and 1000 classes that is 100,000 numbers instead of 100 million.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MANY = 10_000_000
"""Photos times classes from which on classes are ranked in this way, and resamples are approximated."""


@dataclass(frozen=True)
class Ranking:
    """Where the photos of a class stand, at each of their m different probabilities, the highest first.

    Attributes:
        found: [m] photos of the class with this probability or a higher one.
        above: [m] other photos with a higher one.
        reached: [m] other photos with this one or a higher one.
        others: number of other photos.
    """

    found: Integers
    above: Integers
    reached: Integers
    others: int

    @property
    def auc(self) -> float:
        """The area under the ROC curve."""
        gained = np.diff(self.found, prepend=0)
        below = self.others - (self.above + self.reached) / 2
        return float((gained * below).sum() / (self.found[-1] * self.others))

    @property
    def average_precision(self) -> float:
        """The mean precision at each photo of the class."""
        gained = np.diff(self.found, prepend=0)
        return float((gained * self.found / (self.found + self.reached)).sum() / self.found[-1])

    def roc(self) -> tuple[Floats, Floats]:
        """Return the corners of the ROC curve: false and true positive rates."""
        wrong = np.ravel([self.above, self.reached], order="F") / self.others
        right = np.ravel([self.found - np.diff(self.found, prepend=0), self.found], order="F") / self.found[-1]
        return np.concatenate([[0.0], wrong, [1.0]]), np.concatenate([[0.0], right, [1.0]])

    def precision_recall(self) -> tuple[Floats, Floats]:
        """Return recall and precision at each photo of the class, the highest recall first."""
        recall, precision = self.found / self.found[-1], self.found / (self.found + self.reached)
        return np.append(recall[::-1], 0.0), np.append(precision[::-1], 1.0)


def is_many(probabilities: NDArray[np.floating]) -> bool:
    """Return whether there are so many photos and classes that each step must be sparing."""
    return probabilities.size > MANY


def averaged_classes(num_classes: int) -> list[int]:
    """Return the classes that a mean is taken over: of two, only the second."""
    return [1] if num_classes == 2 else list(range(num_classes))


def rank(labels: Integers, probabilities: NDArray[np.floating], number: int) -> Ranking | None:
    """Return the ranking of one class; None if all photos are of the class, or none."""
    placed = _place(labels, probabilities, number)
    return placed[0] if placed else None


def find_influences(labels: Integers, probabilities: NDArray[np.floating]) -> Floats:
    """Return how much each photo moves the mean ROC AUC of the classes, per unit of its weight, [n].

    This is the derivative by the photo's weight at equal weights, of which the infinitesimal jackknife is made (Efron,
    *Nonparametric estimates of standard error*, 1981): with many photos, the mean ROC AUC of a resample is that of all
    photos plus the sum of (times drawn - 1) times influence.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k].
    """
    influences = np.zeros(len(labels))
    ranked = 0
    for number in averaged_classes(probabilities.shape[1]):
        placed = _place(labels, probabilities, number)
        if placed is None:
            continue
        ranking, own, level, before = placed
        area, positives = ranking.auc, ranking.found[-1]
        at_most = np.concatenate([[0], np.cumsum(np.bincount(level, minlength=len(ranking.found)))])
        below = ranking.others - (ranking.above + ranking.reached)[::-1] / 2  # by level, the lowest first
        influences[own] += (below[level] / ranking.others - area) / positives
        beaten = positives - (at_most[before[0]] + at_most[before[1]]) / 2
        influences[labels != number] += (beaten / positives - area) / ranking.others
        ranked += 1
    return influences / max(1, ranked)


_Placed = tuple[Ranking, NDArray[np.bool_], Integers, tuple[Integers, Integers]]


def _place(labels: Integers, probabilities: NDArray[np.floating], number: int) -> _Placed | None:
    """Return the ranking of a class, its photos and their levels, and the levels below and up to each other photo."""
    own = labels == number
    if own.all() or not own.any():
        return None
    scores = probabilities[:, number]
    levels, level = np.unique(scores[own], return_inverse=True)
    others = scores[~own]
    below, up_to = np.searchsorted(levels, others, side="left"), np.searchsorted(levels, others, side="right")
    # Other photos at or above a level have it among those up to them; those above it, among those below them.
    reached = _count_from(up_to, len(levels))
    above = _count_from(below, len(levels))
    found = np.cumsum(np.bincount(level, minlength=len(levels))[::-1])
    return Ranking(found, above[::-1], reached[::-1], len(others)), own, level, (below, up_to)


def _count_from(counts: Integers, number: int) -> Integers:
    """Return, for each level, how many of the counts are larger than its place."""
    tallies = np.bincount(counts, minlength=number + 1)
    larger: Integers = len(counts) - np.cumsum(tallies)[:number]
    return larger
