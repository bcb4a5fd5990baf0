"""Is one model better than another by more than chance, judged by the same test photos?"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binomtest


@dataclass(frozen=True)
class Comparison:
    """Two models on the same photos.

    Attributes:
        photos: that both answered.
        only_first: photos that only the first model got right.
        only_second: photos that only the second got right.
        p_value: of McNemar's exact test, two-sided: how likely a split at least as uneven as this one is where the
            two err equally often.
    """

    photos: int
    only_first: int
    only_second: int
    p_value: float


def compare_answers(first: Sequence[bool], second: Sequence[bool]) -> Comparison:
    """Compare which of the same photos two models got right (McNemar 1947, in its exact, binomial form).

    Args:
        first: [n] whether the first model's answer was right.
        second: [n] the same of the second, in the same order.

    Raises:
        ValueError: they are not of the same length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} answers can't be paired with {len(second)}")
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    differing = only_first + only_second
    p_value = float(binomtest(only_first, differing).pvalue) if differing else 1.0
    return Comparison(len(first), only_first, only_second, p_value)
