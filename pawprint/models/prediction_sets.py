"""Sets of labels that hold the true one with a promised probability: split-conformal prediction.

The set of a photo holds every label whose probability reaches a threshold, and always the most likely one: the least
ambiguous set-valued classifier of Sadinle, Lei and Wasserman (2019, Least Ambiguous Set-Valued Classifiers With Bounded
Error Levels). The threshold is a quantile of the probabilities that a network gave to the labels of photos which it has
not learned from. For a new photo that is drawn like them the set holds the true label with at least the promised
probability, however good or bad the network is (Vovk, Gammerman and Shafer 2005, Algorithmic Learning in a Random
World). This file is stored inside each model, so it imports nothing else of the project.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVELS = (90, 95, 99)
"""The promised probabilities, in percent."""
SHOWN = 95
"""The level of the sets that stand beside the labels of new photos, as `labels_95`."""


@dataclass(frozen=True)
class PredictionSets:
    """The thresholds of a model's prediction sets.

    Attributes:
        num_photos: the number of photos that they come from.
        thresholds: by level in percent, the probability from which a label is in the set; None where there were too few
            photos to promise the level. Empty for a model that an earlier version logged.
    """

    num_photos: int = 0
    thresholds: Mapping[int, float | None] = field(default_factory=dict)

    def choose(self, probabilities: ArrayLike, level: int = SHOWN) -> NDArray[np.bool_] | None:
        """Return which labels are in the set of each photo, [n, k], or None if the level cannot be promised.

        Args:
            probabilities: [n, k] the network's answers; a row of NaN stands for no answer, and its set is empty.
            level: in percent.
        """
        threshold = self.thresholds.get(level)
        if threshold is None:
            return None
        values = np.nan_to_num(np.asarray(probabilities, dtype=np.float64), nan=-1)
        likeliest = values.argmax(axis=1, keepdims=True) == np.arange(values.shape[1])
        chosen: NDArray[np.bool_] = (values >= threshold) | (likeliest & (values >= 0))
        return chosen

    def name(self, probabilities: ArrayLike, class_names: Sequence[str], level: int = SHOWN) -> list[list[str] | None]:
        """Return the labels in the set of each photo, the most likely first; None for a photo without a set.

        >>> PredictionSets(20, {95: 0.2}).name([[0.1, 0.6, 0.3], [0.0, 0.0, 1.0]], ["ant", "bee", "fly"])
        [['bee', 'fly'], ['fly']]
        """
        chosen = self.choose(probabilities, level)
        if chosen is None:
            return [None] * len(np.asarray(probabilities))
        values = np.asarray(probabilities, dtype=np.float64)
        places = [np.flatnonzero(row) for row in chosen]
        # Of equal probabilities the first class comes first, as for the label.
        orders = [at[np.argsort(-row[at], kind="stable")] for row, at in zip(values, places, strict=True)]
        return [[class_names[at] for at in order] or None for order in orders]

    def describe(self) -> dict[str, Any]:
        """Return the entry `prediction_sets` of model.json."""
        return {"photos": self.num_photos, "thresholds": {str(level): one for level, one in self.thresholds.items()}}

    def explain(self) -> str:
        """Return in words what is promised, and what it would take to promise more.

        >>> PredictionSets(30, {90: 0.4, 95: 0.1, 99: None}).explain()
        'prediction sets of 90, 95 % (30 validation photos; 99 % needs 99)'
        """
        promised = [str(level) for level, threshold in self.thresholds.items() if threshold is not None]
        missing = [f"{one} % needs {fewest_photos(one)}" for one in self.thresholds if str(one) not in promised]
        kind = f"prediction sets of {', '.join(promised)} %" if promised else "no prediction sets"
        return f"{kind} ({'; '.join([f'{self.num_photos} validation photos', *missing])})"


def find_sets(labels: ArrayLike, probabilities: ArrayLike) -> PredictionSets:
    """Return the prediction sets that photos with known labels allow to promise.

    The threshold is the probability of the label that comes at place ⌈(n + 1) level⌉ of n, counted from the highest.

    Args:
        labels: [n] class numbers of photos that the network has not learned from; n may be 0.
        probabilities: [n, k] the network's answers to them.

    >>> find_sets([0, 1] * 10, [[0.75, 0.25]] * 20).thresholds
    {90: 0.25, 95: 0.25, 99: None}
    """
    numbers = np.asarray(labels, dtype=np.int64)
    of_label = np.asarray(probabilities, dtype=np.float64)[np.arange(len(numbers)), numbers]
    falling = np.sort(of_label)[::-1]
    places = {level: math.ceil((len(falling) + 1) * level / 100) for level in LEVELS}
    thresholds = {level: float(falling[n - 1]) if n <= len(falling) else None for level, n in places.items()}
    return PredictionSets(len(falling), thresholds)


def fewest_photos(level: int) -> int:
    """Return how many photos it takes to promise a level in percent.

    >>> [fewest_photos(level) for level in LEVELS]
    [9, 19, 99]
    """
    return math.ceil(level / (100 - level))


def read_sets(description: Mapping[str, Any]) -> PredictionSets:
    """Return the prediction sets in a model.json; without thresholds if an earlier version wrote it.

    Raises:
        ValueError: a threshold is not between 0 and 1, or a level is not a number; other errors if it was not
            `PredictionSets.describe` that wrote the entry.
    """
    entry = description.get("prediction_sets", {"photos": 0, "thresholds": {}})
    if not isinstance(entry["photos"], int):
        raise TypeError(f"the photos behind the prediction sets are {entry['photos']!r}, which is no number of them")
    thresholds = {int(level): threshold for level, threshold in entry["thresholds"].items()}
    if wrong := [one for one in thresholds.values() if one is not None and not 0 <= one <= 1]:
        raise ValueError(f"the threshold of a prediction set is {wrong[0]}, which is no probability")
    return PredictionSets(entry["photos"], thresholds)
