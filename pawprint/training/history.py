"""Read and write history.csv: the metrics of a training by epoch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the history that `write_history` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_history(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write one row per epoch; the columns are those of the first epoch, `epoch` first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
