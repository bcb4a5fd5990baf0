"""A sheet: the header and the rows of a table as text, all of the same width."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pawprint.labels.tabular.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, TableError


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        member: The file.
        header: Names of the columns; "1", "2", … if the file has no header.
        rows: The cells, without outer spaces.
        named: Whether the file has a header.
        spaced: Number of cells with outer spaces, by column and by the cell without them.
    """

    member: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    named: bool
    spaced: Counter[tuple[int, str]] = field(default_factory=Counter)

    def column(self, position: int) -> Iterator[str]:
        """Yield the cells of one column."""
        return (row[position] for row in self.rows)


def make_sheet(member: str, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> Sheet:
    """Return the sheet of some rows, all of the same width: short rows are filled with "".

    Raises:
        TableError: There are too many rows, columns or cells.
    """
    kept: list[tuple[str, ...]] = []
    spaced: Counter[tuple[int, str]] = Counter()
    cells = 0
    for row in rows:
        cells += len(row)
        if len(kept) >= MAX_ROWS or cells > MAX_CELLS:
            raise TableError(f"it has more than {len(kept):,} rows")
        plain = tuple(cell.strip() for cell in row)
        if plain != tuple(row):
            spaced.update((at, cell) for at, (cell, raw) in enumerate(zip(plain, row, strict=True)) if cell != raw)
        kept.append(plain)
    width = max([len(row) for row in islice(kept, 10_000)] + [len(header or ())])
    if width > MAX_COLUMNS:
        raise TableError(f"it has more than {MAX_COLUMNS:,} columns")
    if len(kept) * width > MAX_CELLS:
        raise TableError(f"it has {len(kept):,} rows of {width:,} columns")
    filled = [row if len(row) == width else (*row, *[""] * (width - len(row)))[:width] for row in kept]
    names = [*(header or ()), *map(str, range(len(header or ()) + 1, width + 1))]
    return Sheet(member, _distinct(names), filled, header is not None, spaced)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns, with a number added to repeated ones.

    >>> _distinct([" a", "b", "a", ""])
    ('a', 'b', 'a.2', '4')
    """
    seen: dict[str, int] = {}
    distinct = []
    for position, name in enumerate(names, start=1):
        plain = re.sub(r"\s+", " ", name).strip() or str(position)
        seen[plain] = seen.get(plain, 0) + 1
        distinct.append(plain if seen[plain] == 1 else f"{plain}.{seen[plain]}")
    return tuple(distinct)
