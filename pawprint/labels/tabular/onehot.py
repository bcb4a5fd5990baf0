"""Tables with a column for each class and one 1 in each row."""

from dataclasses import dataclass

from pawprint.labels.tabular.columns import Rank, rank_name
from pawprint.labels.tabular.roster import Roster

ONES = frozenset({"1", "1.0", "true", "yes"})
ZEROS = frozenset({"0", "0.0", "false", "no", "-1", "-1.0", ""})
STRAY_SHARE = 0.05
"""Share of the rows that may have no 1, or several: more of them are no accident."""


@dataclass(frozen=True)
class OneHot:
    """Columns of which each stands for a class.

    Attributes:
        positions: The columns.
        single: Photos with a single 1, by the position of their column.
        several: Photos with more than one.
        none: Photos with none.
    """

    positions: tuple[int, ...]
    single: dict[str, int]
    several: list[str]
    none: list[str]

    @property
    def is_single(self) -> bool:
        """Whether the columns exclude each other: one class a photo."""
        return len(self.several) <= STRAY_SHARE * (len(self.single) + len(self.several))


def find_one_hot(roster: Roster) -> OneHot | None:
    """Return the columns of a roster that hold only 0 and 1, where at least two do and 1 occurs in each of two."""
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
        # Columns of something else may hold 0 and 1 too: is_duplicate, sex.
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
