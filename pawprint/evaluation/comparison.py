"""Test whether one model is better than another on the same test photos by more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest, norm


@dataclass(frozen=True)
class Comparison:
    """Two models on the same photos.

    Attributes:
        photos: the number of photos that both answered.
        only_first: photos that only the first model got right.
        only_second: photos that only the second model got right.
        p_value: of McNemar's exact two-sided test: how likely a split at least this uneven is if both models make
            errors equally often.
    """

    photos: int
    only_first: int
    only_second: int
    p_value: float

    @property
    def difference(self) -> float:
        """The first model's accuracy minus the second's."""
        return (self.only_first - self.only_second) / self.photos

    def interval(self, *, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the difference: adjusted Wald, for paired shares (Bonett and Price 2012).

        It keeps its level for few photos, and for models that differ in none (Fagerland, Lydersen and Laake 2014,
        *Recommended tests and confidence intervals for paired binomial proportions*).
        """
        first, second = ((count + 1) / (self.photos + 2) for count in (self.only_first, self.only_second))
        error = math.sqrt((first + second - (first - second) ** 2) / (self.photos + 2))
        half = float(norm.ppf((1 + level) / 2)) * error
        return max(-1.0, first - second - half), min(1.0, first - second + half)


def compare_answers(first: Sequence[bool], second: Sequence[bool]) -> Comparison:
    """Compare which of the same photos two models got right, with McNemar's test (1947) in its exact, binomial form.

    Args:
        first: [n] whether the first model's answer was right.
        second: [n] whether the second model's answer was right, in the same order.

    Raises:
        ValueError: their lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} answers can't be paired with {len(second)}")
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    return Comparison(len(first), only_first, only_second, p_value)
