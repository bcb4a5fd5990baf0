"""Compare photos with those that a model learned from: are they still of the kind that it knows?

What photos look like is compared by their distributions (two-sample test of Kolmogorov and Smirnov), what the model
answers by its counts (chi-squared test). A difference counts if chance does not explain it and if it is large: of very
many photos the smallest difference is beyond chance, and means nothing (Rabanser et al. 2019, Failing Loudly).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp

from pawprint.evaluation.slices import QUARTERS
from pawprint.models.kind import Kind

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
GONE = 0.2
"""Part of its usual share below which a class counts as gone, whatever the difference is of all classes."""


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
    return [
        Change(what, size, p_value, large and p_value < share, said) for what, size, p_value, large, said in changes
    ]


def summarize_changes(changes: Sequence[Change]) -> list[str]:
    """Return in lines what `find_changes` found."""
    if not changes:
        return [f"Fewer than {FEWEST} photos can't be compared with those that the model learned from."]
    found = [change.said for change in changes if change.counts]
    if not found:
        return ["The photos are of the kind that the model learned from, as far as their looks and its answers tell."]
    return ["The photos are of another kind than those that the model learned from:", *found]


_Found = tuple[str, float, float, bool, str]
"""What, size, p-value, whether it is large, words: see `Change`."""


def _compare_trait(name: str, known: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> _Found:
    if not len(known) or not len(new):
        return name, 0.0, 1.0, False, ""
    test = ks_2samp(known, new, method="asymp")
    _, less, more, _ = QUARTERS[name]
    usual, now = np.median(known), np.median(new)
    said = f"{name}: {more if now > usual else less}, {now:.3g} in the middle where it was {usual:.3g}"
    return name, float(test.statistic), float(test.pvalue), bool(test.statistic >= LEAST_DISTANCE), said


def _compare_classes(known: Kind, new: Kind, class_names: Sequence[str]) -> _Found:
    table = np.stack([known.predicted, new.predicted])
    shares = table / table.sum(axis=1, keepdims=True)
    change = shares[1] - shares[0]
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    gone = (shares[1] < GONE * shares[0]) & (expected >= FEWEST_EXPECTED)
    at = int((np.abs(change) + gone).argmax())  # a class that is gone first
    said = f"classes: {class_names[at]} is answered for {shares[1, at]:.0%} of the photos, was {shares[0, at]:.0%}"
    rare = expected < FEWEST_EXPECTED
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)]) if rare.any() else table
    merged = merged[:, merged.sum(axis=0) > 0]
    p_value = float(chi2_contingency(merged).pvalue) if merged.shape[1] > 1 else 1.0
    size = float(np.abs(change).sum() / 2)
    if gone.any():
        # A class that is gone is looked for by itself: among many classes the test of all is blind to it.
        others = table.sum(axis=1)[:, None] - table
        one = fisher_exact(np.column_stack([table[:, at], others[:, at]]), "greater").pvalue
        return "classes", size, min(p_value, float(one) * len(change)), True, said
    return "classes", size, p_value, size >= LEAST_DISTANCE, said


def _compare_unlike(known: Kind, new: Kind) -> _Found:
    before, total = int(known.predicted.sum()), int(new.predicted.sum())
    test = fisher_exact([[new.unlike, total - new.unlike], [known.unlike, before - known.unlike]], "greater")
    rise = new.unlike / total - known.unlike / before
    said = f"unlike: {new.unlike / total:.0%} of the photos are unlike anything it learned from, were"
    return "unlike", rise, float(test.pvalue), rise >= LEAST_UNLIKE, f"{said} {known.unlike / before:.0%}"
