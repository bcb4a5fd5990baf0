"""What tune varies of an architecture, and how far: around the values that the architecture was measured with."""

from dataclasses import dataclass

from pawprint.models.adjustment import measured_adjustments
from pawprint.models.recipe import Recipe

_DIGITS = 4
"""Significant digits of a value that is tried: more make no difference, and a person may type it again."""


@dataclass(frozen=True)
class Range:
    """The values of one parameter.

    Args:
        low: the smallest.
        high: the largest.
        start: the one that the architecture was measured with, which the first trial takes.
        log: spread evenly over orders of magnitude.
        step: between values; None for any value.
    """

    low: float
    high: float
    start: float
    log: bool = False
    step: float | None = None


def search_space(recipe: Recipe) -> dict[str, Range]:
    """Return what is varied, by the name of the parameter of train.

    >>> from pawprint.models import baseline, efficientnet_lite0
    >>> list(search_space(baseline.RECIPE)), list(search_space(efficientnet_lite0.RECIPE))
    (['learning_rate', 'augmentation', 'width'], ['learning_rate', 'weight_decay'])
    """
    rate, decay = recipe.learning_rate, recipe.weight_decay
    ranges = {
        "learning_rate": Range(rate / 10, rate * 5, rate, log=True),
        "weight_decay": Range(decay / 10, decay * 10, decay, log=True),
        "augmentation": Range(0.0, 1.5, 1.0),
        "width": Range(0.5, 1.5, 1.0, step=0.25),
    }
    takes = {"learning_rate": rate, **measured_adjustments(recipe)}
    return {name: one for name, one in ranges.items() if takes[name] is not None}


def round_value(value: float) -> float:
    """Return a value as it is tried.

    >>> round_value(0.00123456), round_value(1.25)
    (0.001235, 1.25)
    """
    return float(f"{value:.{_DIGITS}g}")
