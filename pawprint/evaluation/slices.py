"""Write slices.csv: the accuracy on parts of the test photos, by class and by properties of their pixels.

A good average can hide a kind of photo that a model fails on. The traits are computed from the stored pixels, so they
need only the dataset; each divides the photos into quarters of about equal size.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from pawprint.base.tables import TableWriter, read_dicts
from pawprint.evaluation.bootstrap import Floats, Integers

FEWEST = 20
"""Photos that a slice needs to be called the worst: with fewer, the interval is too wide to mean anything."""
QUARTERS = {
    "brightness": ("darkest", "darker", "brighter", "brightest"),
    "contrast": ("flattest", "flatter", "richer", "richest"),
    "sharpness": ("blurriest", "blurrier", "sharper", "sharpest"),
    "colourfulness": ("greyest", "greyer", "more colourful", "most colourful"),
}
"""Names of the quarters of each trait, from the lowest values to the highest."""
_COLUMNS = ("trait", "slice", "photos", "correct", "accuracy", "low", "high", "from", "to")


@dataclass(frozen=True)
class Slice:
    """A part of the test photos, with the accuracy on it.

    Attributes:
        trait: "class", one of `QUARTERS`, or a column of the table that came with the photos.
        name: the slice's name: a class, a quarter, or a value of the column.
        photos: the number of photos.
        correct: the number of correct predictions.
        start: the lowest value of the trait in the slice; NaN if the trait is not numeric.
        end: the highest value.
    """

    trait: str
    name: str
    photos: int
    correct: int
    start: float = math.nan
    end: float = math.nan

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        return self.correct / self.photos

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return wilson_interval(self.correct, self.photos)


def wilson_interval(correct: int, photos: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927), which is also valid for few photos and near 0 and 1.

    >>> [round(bound, 3) for bound in wilson_interval(20, 20)]
    [0.839, 1.0]
    """
    interval = binomtest(correct, photos).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def slice_accuracy(
    labels: Integers, predictions: Integers, class_names: Sequence[str], traits: Mapping[str, Floats]
) -> list[Slice]:
    """Count correct predictions by class, then by quarters of each trait; a slice without photos is left out.

    Photos with the same value stay in the same quarter, so that a slice is defined by its bounds.

    Args:
        labels: [n] class numbers.
        predictions: [n] class numbers.
        class_names: the k classes.
        traits: the result of `measure_traits`.
    """
    right = labels == predictions
    slices = []
    for number, name in enumerate(class_names):
        of_class = labels == number
        if of_class.any():
            slices.append(Slice("class", name, int(of_class.sum()), int(right[of_class].sum())))
    for trait, values in traits.items():
        slices += cut_quarters(trait, QUARTERS[trait], values, right)
    return slices


def cut_quarters(trait: str, names: Sequence[str], values: Floats, right: npt.NDArray[np.bool_]) -> list[Slice]:
    """Divide photos into quarters by a value; a quarter without photos is left out.

    Args:
        trait: The name of the value.
        names: Names of the quarters, from the lowest values to the highest.
        values: [n] the photos' values.
        right: [n] whether each prediction is correct.
    """
    quarter = np.searchsorted(np.quantile(values, (0.25, 0.5, 0.75)), values, side="left")
    slices = []
    for number, name in enumerate(names):
        inside = quarter == number
        if inside.any():
            bounds = float(values[inside].min()), float(values[inside].max())
            slices.append(Slice(trait, name, int(inside.sum()), int(right[inside].sum()), *bounds))
    return slices


def find_worst(slices: Sequence[Slice]) -> Slice | None:
    """Return the slice with the smallest lower bound of its accuracy, among those with at least `FEWEST` photos."""
    return min((one for one in slices if one.photos >= FEWEST), key=lambda one: one.interval[0], default=None)


def describe_worst(slices: Sequence[Slice]) -> str:
    """Return a sentence with the worst slice and the number of slices: the worst of many looks bad by chance alone.

    >>> describe_worst([Slice("class", "cats", 100, 90), Slice("brightness", "darkest", 25, 15, 3, 61)])
    'Weakest of 2 slices: darkest quarter by brightness, 60.0 % of 25 photos right (95 % interval 40.7 % to 76.6 %)'
    """
    worst = find_worst(slices)
    if worst is None:
        return f"No slice has {FEWEST} test photos, too few to name a weakest one"
    quarter = not math.isnan(worst.start)
    named = f"{worst.name} quarter by {worst.trait}" if quarter else f"{worst.trait} {worst.name}"
    low, high = (f"{100 * bound:.1f} %" for bound in worst.interval)
    looked = sum(one.photos >= FEWEST for one in slices)
    return (
        f"Weakest of {looked} slices: {named}, {100 * worst.accuracy:.1f} % of {worst.photos} photos right "
        f"(95 % interval {low} to {high})"
    )


def write_slices(slices: Sequence[Slice], path: Path) -> None:
    """Write one row for each slice: trait, slice, photos, correct, accuracy, low, high, and the trait's bounds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow(_COLUMNS)
        for one in slices:
            figures = (one.accuracy, *one.interval, one.start, one.end)
            cells = ("" if math.isnan(figure) else f"{figure:.6g}" for figure in figures)
            writer.writerow((one.trait, one.name, one.photos, one.correct, *cells))


def read_slices(path: Path) -> list[Slice]:
    """Read the slices that `write_slices` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Slice(
                row["trait"],
                row["slice"],
                int(row["photos"]),
                int(row["correct"]),
                float(row["from"] or math.nan),
                float(row["to"] or math.nan),
            )
            for row in read_dicts(file)
        ]


def by_trait(slices: Sequence[Slice]) -> Iterator[tuple[str, list[Slice]]]:
    """Yield each trait with its slices, in the given order."""
    for trait in dict.fromkeys(one.trait for one in slices):
        yield trait, [one for one in slices if one.trait == trait]
