"""Accuracy by what a table says of the test photos: by camera, site, sex, or by quarters of an age."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.slices import FEWEST, QUARTERS, Slice, cut_quarters

MOST_VALUES = 20
"""Different values of which each is a slice; more of them are numbers to be cut into quarters, or names of photos."""
NUMBERS = ("lowest", "lower", "higher", "highest")
"""What the quarters of a column of numbers are called."""


def slice_columns(labels: Integers, predictions: Integers, columns: Mapping[str, Sequence[str]]) -> list[Slice]:
    """Count right answers by the values of a table's columns.

    A column is used if 2 to `MOST_VALUES` of its values stand beside `FEWEST` photos or more each, and so do at least
    half of the photos; or if it holds more different numbers than that, which are cut into quarters. Photos of which
    it says nothing, and values of fewer photos, are in no slice.

    Args:
        labels: [n] class numbers.
        predictions: [n] class numbers.
        columns: [n] values each, by the column's name.
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
    """Return numbers, NaN where nothing is said, or None where something else is said of a photo."""
    try:
        numbers = np.array([float(value) if value else np.nan for value in values.tolist()])
    except ValueError:
        return None
    return None if np.isinf(numbers).any() else numbers
