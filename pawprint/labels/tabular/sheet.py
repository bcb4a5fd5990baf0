"""A table as it was read: a header and rows of text, all of one width."""

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
        member: Its file.
        header: Names of its columns: "1", "2", … where the file names none.
        rows: Its cells, without outer space.
        named: Whether the file names its columns.
        spaced: How many cells had outer space, by column and by what is left of the cell.
    """

    member: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    named: bool
    spaced: Counter[tuple[int, str]] = field(default_factory=Counter)

    def column(self, position: int) -> Iterator[str]:
        """Give the cells of one column."""
        return (row[position] for row in self.rows)


def make_sheet(member: str, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> Sheet:
    """Return the sheet of some rows, each brought to one width: short ones are filled up with "".

    Raises:
        TableError: More rows, columns or cells than are read.
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
    """Return names of columns that are each given once.

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
