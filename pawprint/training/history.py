"""The training's figures by epoch, as a table."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_history(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Writes one row an epoch; the columns are those of the first epoch, `epoch` first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
