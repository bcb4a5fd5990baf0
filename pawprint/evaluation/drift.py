"""Compare photos with those that a model learned from: are they still of the kind that it knows?

What photos look like is compared by their distributions (two-sample test of Kolmogorov and Smirnov), what the model
answers by its counts (chi-squared test). A difference counts if chance does not explain it and if it is large: of very
many photos the smallest difference is beyond chance, and means nothing (Rabanser et al. 2019, Failing Loudly).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp

from pawprint.evaluation.slices import QUARTERS, measure_traits

MOST_PHOTOS = 500
"""Photos whose traits a model keeps, and that are measured of new ones for each of these."""
FEWEST = 30
"""New photos below which nothing is said."""
LARGEST_P_VALUE = 0.01
"""For all tests together: each gets its share (Bonferroni)."""
LEAST_DISTANCE = 0.15
"""Least difference of two distribution functions, or of the shares of classes in all, that counts."""
LEAST_UNLIKE = 0.05
"""Least rise of the share of photos that are unlike anything learned."""
FEWEST_EXPECTED = 5
"""Photos that a class must let expect for the chi-squared test; classes with fewer are counted together."""


@dataclass(frozen=True)
class Kind:
    """What photos are like.

    Attributes:
        traits: by the names of `QUARTERS`, the values of some photos, each [n].
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
    traits = {name: np.asarray(photos["traits"][name], np.float64) for name in QUARTERS}
    return Kind(traits, np.asarray(photos["predicted"], np.int64), int(photos["unlike"]))


@dataclass(frozen=True)
class Change:
    """A difference between new photos and those that a model learned from.

    Attributes:
        what: "classes", "unlike", or one of `QUARTERS`.
        size: greatest difference of the distribution functions, half of the summed differences of the shares of the
            classes (total variation), or difference of the shares of photos that are unlike: 0 to 1.
        p_value: of the test, before it is compared with its share of `LARGEST_P_VALUE`.
        counts: whether it is beyond chance, and large.
        said: what it is, in words.
    """

    what: str
    size: float
    p_value: float
    counts: bool
    said: str


def find_changes(known: Kind, new: Kind, class_names: Sequence[str]) -> list[Change]:
    """Compare new photos with those that a model learned from; nothing is returned of fewer than `FEWEST`."""
    total = int(new.predicted.sum())
    if total < FEWEST:
        return []
    changes = [_compare_trait(name, known.traits[name], new.traits[name]) for name in QUARTERS]
    if known.predicted.sum():
        changes += [_compare_classes(known, new, class_names), _compare_unlike(known, new)]
    share = LARGEST_P_VALUE / len(changes)
    least = {"unlike": LEAST_UNLIKE}
    return [
        Change(what, size, p_value, p_value < share and size >= least.get(what, LEAST_DISTANCE), said)
        for what, size, p_value, said in changes
    ]


def choose_evenly(number: int, most: int = MOST_PHOTOS) -> npt.NDArray[np.int64]:
    """Return the places of at most so many photos, from all over.

    >>> choose_evenly(7, 3).tolist()
    [0, 3, 6]
    """
    return np.linspace(0, number - 1, min(number, most)).astype(np.int64)


def join_traits(parts: Sequence[npt.NDArray[np.uint8]]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the traits of photos that come in batches, uint8 [n, side, side, 3]."""
    measured = [measure_traits(part) for part in parts if len(part)]
    return {name: np.concatenate([np.empty(0), *(one[name] for one in measured)]) for name in QUARTERS}


_Found = tuple[str, float, float, str]


def _compare_trait(name: str, known: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> _Found:
    if not len(known) or not len(new):
        return name, 0.0, 1.0, ""
    test = ks_2samp(known, new, method="asymp")
    lowest, *_, highest = QUARTERS[name]
    usual, now = np.median(known), np.median(new)
    way = highest if now > usual else lowest
    said = f"{name}: {'more' if abs(now - usual) > 0 else 'other'} photos like the {way} quarter"
    return name, float(test.statistic), float(test.pvalue), f"{said} (median {now:.3g}, was {usual:.3g})"


def _compare_classes(known: Kind, new: Kind, class_names: Sequence[str]) -> _Found:
    table = np.stack([known.predicted, new.predicted])
    shares = table / table.sum(axis=1, keepdims=True)
    change = shares[1] - shares[0]
    at = int(np.abs(change).argmax())
    said = f"classes: {class_names[at]} is answered for {shares[1, at]:.0%} of the photos, was {shares[0, at]:.0%}"
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    rare = expected < FEWEST_EXPECTED
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    merged = merged[:, merged.sum(axis=0) > 0]
    p_value = float(chi2_contingency(merged).pvalue) if merged.shape[1] > 1 else 1.0
    return "classes", float(np.abs(change).sum() / 2), p_value, said


def _compare_unlike(known: Kind, new: Kind) -> _Found:
    before, total = int(known.predicted.sum()), int(new.predicted.sum())
    test = fisher_exact([[new.unlike, total - new.unlike], [known.unlike, before - known.unlike]], "greater")
    rise = new.unlike / total - known.unlike / before
    said = f"unlike: {new.unlike / total:.0%} of the photos are unlike anything it learned from, were"
    return "unlike", float(rise), float(test.pvalue), f"{said} {known.unlike / before:.0%}"
