"""Write index.csv and quarantine.csv: what happened to every photo."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pawprint.base.tables import TableWriter
from pawprint.dataset.shards import PixelFile, write_shards
from pawprint.dataset.splits import SPLITS, Candidate, LeftOut

COLUMNS = ("split", "row", "shard", "position", "label", "member", "sha256")
"""Columns of every index.csv; those of the photos' table follow."""
ORIGINAL = "original_label"
"""Column of the label in the source, "" where it had none; only where labels were corrected or given."""


def name_columns(columns: Sequence[str]) -> list[str]:
    """Return the names of a table's columns in index.csv, changed if they would repeat another name.

    >>> name_columns(["camera", "split", "camera"])
    ['camera', 'table_split', 'table_camera']
    """
    names: list[str] = []
    for column in columns:
        name = column
        while name in {*COLUMNS, ORIGINAL} or name in names:
            name = f"table_{name}"
        names.append(name)
    return names


def write_shards_and_index(
    folder: Path,
    chosen: Mapping[str, Sequence[Candidate]],
    rows: Mapping[str, int],
    pixels: PixelFile,
    side: int,
    columns: Sequence[str] = (),
) -> list[str]:
    """Write the shards and index.csv.

    Args:
        folder: The folder to write to.
        chosen: The photos of each split.
        rows: The row of each photo's pixels, by member.
        pixels: The decoded squares.
        side: Side of the squares in pixels.
        columns: Names of the columns of the photos' table.

    Returns:
        The names of the shards.
    """
    names: list[str] = []
    corrected = any(c.original is not None for photos in chosen.values() for c in photos)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = TableWriter(file)
        writer.writerow([*COLUMNS, *([ORIGINAL] if corrected else []), *name_columns(columns)])
        for split in SPLITS:
            photos = chosen[split]
            row = 0
            for name, size in write_shards(folder, split, pixels, [rows[c.member] for c in photos], side):
                names.append(name)
                for position, c in enumerate(photos[row : row + size]):
                    cells = [split, row + position, name, position, c.label, c.member, c.sha256]
                    writer.writerow(
                        [*cells, *([c.label if c.original is None else c.original] if corrected else []), *c.columns]
                    )
                row += size
    return names


def write_quarantine(path: Path, left_out: Sequence[LeftOut]) -> None:
    """Write each photo that is left out, with the first reason found."""
    reasons: dict[str, str] = {}
    for left in left_out:
        reasons.setdefault(left.member, left.reason)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = TableWriter(file)
        writer.writerow(["member", "reason"])
        writer.writerows(sorted(reasons.items()))
