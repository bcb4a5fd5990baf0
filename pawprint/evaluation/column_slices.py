"""Accuracy by the columns of the photos' table: by camera, site or sex, or by quarters of an age."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.slices import FEWEST, QUARTERS, Slice, cut_quarters

MOST_VALUES = 20
"""With up to this many values, each value is a slice; with more, numbers are cut into quarters and texts ignored."""
NUMBERS = ("lowest", "lower", "higher", "highest")
"""Names of the quarters of a numeric column."""


def slice_columns(labels: Integers, predictions: Integers, columns: Mapping[str, Sequence[str]]) -> list[Slice]:
    """Count correct answers by the values of a table's columns.

    A column is used if 2 to `MOST_VALUES` of its values have at least `FEWEST` photos each, and together at least half
    of the photos. A numeric column with more values is cut into quarters. Photos without a value, and values with fewer
    photos, are in no slice.

    Args:
        labels: [n] class numbers.
        predictions: [n] class numbers.
        columns: [n] values of each column, by the column's name.
    """
    right = labels == predictions
    slices = []
    for name, texts in columns.items():
        trait = f"column {name}" if name in {"class", *QUARTERS} else name
        values = np.array([text.strip() for text in texts])
        numbers = _read_numbers(values)
        if numbers is not None and len(set(values)) > MOST_VALUES:
            known = np.flatnonzero(~np.isnan(numbers))
            if len(known) >= 4 * FEWEST:
                slices += cut_quarters(trait, NUMBERS, numbers[known], right[known])
            continue
        counts = Counter(value for value in values.tolist() if value)
        large = sorted(value for value, photos in counts.items() if photos >= FEWEST)
        if 2 <= len(large) <= MOST_VALUES and 2 * sum(counts[value] for value in large) >= len(values):
            slices += [Slice(trait, value, counts[value], int(right[values == value].sum())) for value in large]
    return slices


def _read_numbers(values: npt.NDArray[np.str_]) -> Floats | None:
    """Return numbers, NaN where a value is missing, or None if any value is not a number."""
    try:
        numbers = np.array([float(value) if value else np.nan for value in values.tolist()])
    except ValueError:
        return None
    return None if np.isinf(numbers).any() else numbers
