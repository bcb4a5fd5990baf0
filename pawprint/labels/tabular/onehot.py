"""Recognise one-hot tables: a column for each class, and a single 1 in each row."""

from dataclasses import dataclass

from pawprint.labels.tabular.columns import Rank, rank_name
from pawprint.labels.tabular.roster import Roster

ONES = frozenset({"1", "1.0", "true", "yes"})
ZEROS = frozenset({"0", "0.0", "false", "no", "-1", "-1.0", ""})
STRAY_SHARE = 0.05
"""Share of the rows that may have no 1, or several; a larger share is not an accident."""


@dataclass(frozen=True)
class OneHot:
    """Columns of which each stands for a class.

    Attributes:
        positions: The indexes of the columns.
        single: Photos with exactly one 1, and the index of its column.
        several: Photos with more than one 1.
        none: Photos without a 1.
    """

    positions: tuple[int, ...]
    single: dict[str, int]
    several: list[str]
    none: list[str]

    @property
    def is_single(self) -> bool:
        """Whether the columns exclude each other: each photo has one class."""
        return len(self.several) <= STRAY_SHARE * (len(self.single) + len(self.several))


def find_one_hot(roster: Roster) -> OneHot | None:
    """Return the columns that hold only 0 and 1, if there are at least two and 1 occurs in two or more of them."""
    by_photo = {row.photo: row.cells for row in roster.rows}
    if not by_photo:
        return None
    positions = [
        position
        for position in range(len(roster.header))
        if position not in {roster.name_column, roster.split_column}
        and not (roster.named and rank_name(roster.header[position]) == Rank.LABEL)
        and _is_binary({cells[position].casefold() for cells in by_photo.values()})
    ]
    if len(positions) < 2:
        return None
    found = _count(by_photo, positions)
    if not found.is_single:
        # Other columns may hold 0 and 1 too: is_duplicate, sex.
        plain = [at for at in positions if not roster.named or rank_name(roster.header[at]) >= Rank.POSSIBLE]
        other = _count(by_photo, plain)
        found = other if len(plain) > 1 and other.is_single else found
    return found if len(set(found.single.values())) > 1 or found.several else None


def _is_binary(values: set[str]) -> bool:
    return values <= ONES | ZEROS and values != {""}


def _count(by_photo: dict[str, tuple[str, ...]], positions: list[int]) -> OneHot:
    single: dict[str, int] = {}
    several: list[str] = []
    none: list[str] = []
    for photo, cells in by_photo.items():
        ones = [position for position in positions if cells[position].casefold() in ONES]
        if len(ones) == 1:
            single[photo] = ones[0]
        else:
            (several if ones else none).append(photo)
    return OneHot(tuple(positions), single, several, none)
