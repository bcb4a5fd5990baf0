"""The search space of tune: the parameters of an architecture and their ranges, around its default values."""

from dataclasses import dataclass

from pawprint.models.adjustment import measured_adjustments
from pawprint.models.recipe import Recipe

_DIGITS = 4
"""Significant digits of a tried value: more have no effect, and users may have to type it."""


@dataclass(frozen=True)
class Range:
    """The range of one parameter.

    Args:
        low: smallest value.
        high: largest value.
        start: default value of the architecture, used in the first trial.
        log: whether to sample on a logarithmic scale.
        step: difference between values; None for a continuous range.
    """

    low: float
    high: float
    start: float
    log: bool = False
    step: float | None = None


def search_space(recipe: Recipe) -> dict[str, Range]:
    """Return the ranges of an architecture, by the name of the parameter of train.

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
    """Return a value rounded to the digits that are tried.

    >>> round_value(0.00123456), round_value(1.25)
    (0.001235, 1.25)
    """
    return float(f"{value:.{_DIGITS}g}")
