"""Rosters: rows that name photos. Find the column with the names, and join tables that continue each other."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pawprint.labels.tabular.limits import EVIDENCE_ROWS
from pawprint.labels.tabular.matching import AmbiguousNameError, PhotoNames, split_path
from pawprint.labels.tabular.sheet import Sheet
from pawprint.labels.tabular.split_words import find_split, read_split_column

NAME_COLUMNS = re.compile(
    r"(file|image|img|photo|picture|pic)?[_ ]?(name|path|file|id)?s?|file.?path|relative.?path|url|uri", re.IGNORECASE
)
GOOD_SHARE = 0.5
"""The column with the photos' names must name at least this share of the table's rows, or of the photos."""


@dataclass(frozen=True)
class Row:
    """A row that names a photo.

    Attributes:
        photo: The photo's member.
        cells: All cells of the row.
        split: The split in the row's split column, or in the table's name.
        member: The table.
    """

    photo: str
    cells: tuple[str, ...]
    split: str | None
    member: str


@dataclass(frozen=True)
class Roster:
    """Rows of one or more tables with the same columns.

    Attributes:
        members: The tables.
        header: Names of the columns.
        named: Whether the tables have a header.
        name_column: Index of the column that names the photos.
        split_column: Index of the column that names the splits, if any.
        rows: Rows that name a photo.
        missing: Names in rows without a photo.
        unclear: Names in rows that may mean several photos.
        spaced: Number of cells with outer spaces, by column and by the cell without them.
    """

    members: tuple[str, ...]
    header: tuple[str, ...]
    named: bool
    name_column: int
    split_column: int | None
    rows: list[Row]
    missing: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    spaced: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def photos(self) -> set[str]:
        """The photos that the rows name."""
        return {row.photo for row in self.rows}

    def column(self, position: int) -> list[str]:
        """Return the cells of one column."""
        return [row.cells[position] for row in self.rows]


def find_roster(sheet: Sheet, names: PhotoNames, name_column: int | None = None) -> Roster | None:
    """Return the rows of a table that name photos, or None if no column names enough of them.

    Args:
        sheet: The table.
        names: The photos.
        name_column: The column with the names, if the user gives it.
    """
    near = split_path(sheet.member)[:-1]
    if name_column is None:
        name_column = _find_name_column(sheet, names, near)
        if name_column is None:
            return None
        asked = False
    else:
        asked = True
    split_column, splits = find_split_column(sheet.header, sheet.rows, skip=name_column)
    table_split = find_split(PurePosixPath(sheet.member).name) or next(
        (split for part in reversed(near) if (split := find_split(part))), None
    )
    whole = _names_repeat(sheet.column(name_column))
    rows: list[Row] = []
    missing: list[str] = []
    unclear: list[str] = []
    for cells in sheet.rows:
        cell = cells[name_column]
        split = splits.get(cells[split_column]) if split_column is not None else table_split
        try:
            photo = names.find(cell, near=near, split=split, whole=whole)
        except AmbiguousNameError:
            unclear.append(cell)
            continue
        if photo is None:
            missing.append(cell)
        else:
            rows.append(Row(photo, cells, split, sheet.member))
    roster = Roster(
        (sheet.member,), sheet.header, sheet.named, name_column, split_column, rows, missing, unclear, sheet.spaced
    )
    return roster if asked or _is_good_share(roster, len(sheet.rows), len(names.photos)) else None


def _is_good_share(roster: Roster, rows: int, photos: int) -> bool:
    if not roster.rows and not roster.unclear:
        return False
    return len(roster.rows) + len(roster.unclear) >= GOOD_SHARE * rows or len(roster.photos) >= GOOD_SHARE * photos


def _find_name_column(sheet: Sheet, names: PhotoNames, near: Sequence[str]) -> int | None:
    """Return the column that names the most photos; among equals, the one with a name for it."""
    step = max(1, len(sheet.rows) // EVIDENCE_ROWS)
    sample = sheet.rows[::step]
    best: tuple[tuple[float, ...], int] | None = None
    for position, name in enumerate(sheet.header):
        cells = {row[position] for row in sample} - {""}
        found: set[str] = set()
        for cell in cells:
            try:
                photo = names.find(cell, near=near)
            except AmbiguousNameError:
                photo = cell
            if photo is not None:
                found.add(photo)
        if found:
            rank = (len(found), NAME_COLUMNS.fullmatch(name) is not None, len(found) / len(cells), -position)
            if best is None or rank > best[0]:
                best = rank, position
    return best[1] if best else None


def _names_repeat(cells: Iterable[str]) -> bool:
    """Return whether the same file name occurs in several folders, so that only the folder shows which is meant."""
    folders: dict[str, tuple[str, ...]] = {}
    for cell in cells:
        parts = split_path(cell)
        if parts and folders.setdefault(parts[-1], parts[:-1]) != parts[:-1]:
            return True
    return False


def find_split_column(
    header: Sequence[str], rows: Sequence[tuple[str, ...]], *, skip: int
) -> tuple[int | None, dict[str, str | None]]:
    """Return the column that names the split of each row, and the split of each of its values."""
    for position, name in enumerate(header):
        values = {row[position] for row in rows[:: max(1, len(rows) // EVIDENCE_ROWS)]} if position != skip else set()
        if not 1 < len(values) <= 12:
            continue
        values = {row[position] for row in rows}
        if len(values) <= 12 and (splits := read_split_column(name, values)) is not None:
            return position, splits
    return None, {}


def join_rosters(rosters: Sequence[Roster]) -> list[Roster]:
    """Join rosters that continue each other: the same columns, different photos.

    `train.csv` and `test.csv`, `_classes.csv` in each split's folder, `GT-00000.csv` in each class folder.
    """
    families: dict[tuple[object, ...], list[Roster]] = {}
    for roster in rosters:
        folded = tuple(name.casefold() for name in roster.header)
        columns: tuple[object, ...] = folded if roster.named else (len(folded), PurePosixPath(roster.members[0]).suffix)
        families.setdefault((columns, roster.name_column), []).append(roster)
    joined = []
    for family in families.values():
        joined += _join_family(family)
    return joined


def _join_family(family: list[Roster]) -> list[Roster]:
    # Tables that name the same photos are versions of each other (labels.csv, labels_clean.csv), not parts.
    counts = Counter(photo for roster in family for photo in roster.photos)
    apart = [
        roster for roster in family if sum(counts[photo] > 1 for photo in roster.photos) <= 0.05 * len(roster.photos)
    ]
    others = [roster for roster in family if roster not in apart]
    if len(apart) < 2:
        return family
    first = apart[0]
    whole = Roster(
        tuple(member for roster in apart for member in roster.members),
        first.header,
        first.named,
        first.name_column,
        first.split_column,
        [row for roster in apart for row in roster.rows],
        [cell for roster in apart for cell in roster.missing],
        [cell for roster in apart for cell in roster.unclear],
        sum((roster.spaced for roster in apart), Counter()),
    )
    return [whole, *others]
