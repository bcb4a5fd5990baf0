"""Write prediction_sets.csv: how often prediction sets hold the true label of the test photos, and how large they are.

The promise is about all photos together, not about each class: a class that the network finds hard may be in its sets
less often, and the table shows it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawprint.base.tables import TableWriter
from pawprint.evaluation.bootstrap import Integers
from pawprint.evaluation.slices import wilson_interval
from pawprint.evaluation.style import percent
from pawprint.models.prediction_sets import SHOWN, PredictionSets

_COLUMNS = ("level", "threshold", "class", "photos", "covered", "coverage", "low", "high", "mean_size")

_BLOCK = 4096
"""Photos whose sets are in memory together."""


def write_set_coverage(
    labels: Integers, probabilities: NDArray[Any], class_names: Sequence[str], sets: PredictionSets, path: Path
) -> dict[str, float]:
    """Write a row for all photos, with an empty class, and one for each class, at each level that is promised.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] as the network gave them.
        class_names: the k classes.
        sets: the model's prediction sets.
        path: the CSV file, UTF-8.

    Returns:
        `test_coverage_<level>`, the share of photos whose set holds the true label, and `test_set_size_<level>`, the
        mean number of labels in a set, for each level that is promised.
    """
    metrics: dict[str, float] = {}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow(_COLUMNS)
        for level, threshold in sets.thresholds.items():
            if threshold is None:
                continue
            covered, sizes = np.empty(len(labels), bool), np.empty(len(labels), np.int64)
            for start in range(0, len(labels), _BLOCK):
                some = slice(start, start + _BLOCK)
                chosen = sets.choose(probabilities[some], level)
                assert chosen is not None  # noqa: S101 - for mypy: it has a threshold
                covered[some] = np.take_along_axis(chosen, labels[some, np.newaxis], axis=1)[:, 0]
                sizes[some] = chosen.sum(axis=1)
            metrics |= {f"test_coverage_{level}": covered.mean(), f"test_set_size_{level}": sizes.mean()}
            groups = [("", np.ones(len(labels), bool)), *((name, labels == n) for n, name in enumerate(class_names))]
            for name, of_group in groups:
                photos, hits = int(of_group.sum()), int(covered[of_group].sum())
                if photos:
                    shares = (hits / photos, *wilson_interval(hits, photos), sizes[of_group].mean())
                    writer.writerow([level, f"{threshold:.9g}", name, photos, hits, *(f"{one:.4f}" for one in shares)])
    return {name: float(value) for name, value in metrics.items()}


def describe_set_coverage(metrics: Mapping[str, float]) -> str:
    """Return a line about the sets that predict writes; "" if their level is not promised.

    >>> describe_set_coverage({"test_coverage_95": 0.964, "test_set_size_95": 1.21})
    'labels_95 holds the true label of 96.4 % of the test photos (promised: 95 %), with 1.21 labels on average'
    """
    if f"test_coverage_{SHOWN}" not in metrics:
        return ""
    return (
        f"labels_{SHOWN} holds the true label of {percent(metrics[f'test_coverage_{SHOWN}'])} of the test photos "
        f"(promised: {SHOWN} %), with {metrics[f'test_set_size_{SHOWN}']:.2f} labels on average"
    )
