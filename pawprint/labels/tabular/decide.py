"""Decide which column of a roster is the label: one reading for each candidate, or the reason why there is none."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pawprint.labels.tabular.columns import Column, Rank, name_words, weigh_columns
from pawprint.labels.tabular.onehot import OneHot, find_one_hot
from pawprint.labels.tabular.roster import Roster


@dataclass(frozen=True)
class Choice:
    """Where the label is: in one column, or in one-hot columns.

    Attributes:
        column: Index of the column; None for one-hot columns.
        one_hot: The one-hot columns.
    """

    column: int | None = None
    one_hot: OneHot | None = None


@dataclass(frozen=True)
class Decision:
    """The candidates for the label, all equally likely, and why other columns are none."""

    choices: tuple[Choice, ...]
    remarks: tuple[str, ...] = ()


def decide_label(roster: Roster) -> Decision:
    """Decide which column of a roster is the label."""
    columns = weigh_columns(roster)
    one_hot = find_one_hot(roster)
    hot = set(one_hot.positions) if one_hot else set()
    likely = [column for column in columns if column.rank > Rank.NO and column.position not in hot]
    best = max((column.rank for column in likely), default=Rank.NO)
    named = [column for column in likely if column.rank == best]
    if one_hot is not None and one_hot.is_single and best < Rank.CLASS:
        return Decision((Choice(one_hot=one_hot),))
    if one_hot is not None and not one_hot.is_single and best < Rank.CLASS:
        return Decision((), (_explain_several(roster, one_hot),))
    # If a column is named as the label but holds no classes, any other column would be a guess.
    if named and not (best < Rank.CLASS and any(column.reason for column in columns)):
        kept = _without_doubles(roster, named, columns)
        return Decision(tuple(Choice(column=column.position) for column in kept))
    remarks = [
        f"column {column.name!r} of {roster.members[0]} is no class: {column.reason}"
        for column in columns
        if column.reason
    ]
    return Decision((), tuple(remarks))


def _explain_several(roster: Roster, one_hot: OneHot) -> str:
    name, first = roster.header[roster.name_column], roster.header[one_hot.positions[0]]
    total = len(one_hot.single) + len(one_hot.several) + len(one_hot.none)
    return (
        f"{roster.members[0]} gives a photo several labels at once ({len(one_hot.several):,} of {total:,} photos, "
        f"{len(one_hot.positions)} columns), and a classifier here gives one; to learn one of them, say "
        f"labels={roster.members[0]}:{name}:{first}"
    )


def _without_doubles(roster: Roster, named: list[Column], columns: list[Column]) -> list[Column]:
    """Return the columns without duplicates: of a number and its name, the name stays."""
    kept: list[Column] = []
    for column in sorted(named, key=lambda column: (column.numeric, column.position)):
        if not any(_say_the_same(roster, column, other) for other in kept):
            kept.append(column)
    texts = [column for column in columns if not column.numeric and column.rank != Rank.ATTRIBUTE and not column.reason]
    for at, column in enumerate(kept):
        if column.numeric:
            kept[at] = next((text for text in texts if _say_the_same(roster, column, text)), column)
    return _finest_number(roster, sorted(kept, key=lambda column: column.position))


def _finest_number(roster: Roster, columns: list[Column]) -> list[Column]:
    """Return the numeric `class` column that determines all others, as CLASS-ID does SPECIES and BREED ID."""
    classes = [column for column in columns if name_words(column.name)[:1] == ["class"]]
    if len(classes) != 1 or not all(column.numeric for column in columns):
        return columns
    others = [column.position for column in columns if column not in classes]
    found = {(row.cells[classes[0].position], *(row.cells[at] for at in others)) for row in roster.rows}
    return classes if len(found) == classes[0].distinct else columns


def _say_the_same(roster: Roster, first: Column, second: Column) -> bool:
    if first.distinct != second.distinct or first.position == second.position:
        return first.position == second.position
    return pairs_up((row.cells[first.position], row.cells[second.position]) for row in roster.rows)


def pairs_up(pairs: Iterable[tuple[str, str]]) -> bool:
    """Return whether each value occurs with only one other value, in both directions.

    >>> pairs_up([("0", "cat"), ("1", "dog"), ("0", "cat")]), pairs_up([("0", "cat"), ("1", "cat")])
    (True, False)
    """
    there: dict[str, set[str]] = defaultdict(set)
    back: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        there[one].add(other)
        back[other].add(one)
        if len(there[one]) > 1 or len(back[other]) > 1:
            return False
    return True
