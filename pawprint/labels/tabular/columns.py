"""Rank the columns of a roster as the label, by their names and their values."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pawprint.labels.tabular.column_words import (
    ALL_WORDS,
    ATTRIBUTE_WORDS,
    BESIDE_WORDS,
    CLASS_WORDS,
    GROUP_WORDS,
    LABEL_WORDS,
    NAMING_WORDS,
    OTHER_WORDS,
    PHOTO_WORDS,
)
from pawprint.labels.tabular.limits import LONGEST_CELL
from pawprint.labels.tabular.roster import Roster

MEASURE = re.compile(r"[-+]?(\d+\.\d*|\d*\.\d+|\d+)(e[-+]?\d+)?", re.IGNORECASE)
INTEGER = re.compile(r"[-+]?\d{1,15}(\.0+)?")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
SEPARATORS = ("|", ";", ",", " ")
"""Separators of several labels in one cell."""
LOOKS_LIKE_DATA = re.compile(r"[\[{].*[\]}]|.*://.*|(\S+ ){8,}.*", re.DOTALL)


class Rank(IntEnum):
    """How likely a column is to be the label."""

    NO = 0
    ATTRIBUTE = 1
    POSSIBLE = 2
    CLASS = 3
    LABEL = 4


@dataclass(frozen=True)
class Column:
    """A column other than the one with the photos' names.

    Attributes:
        position: Its index in the roster's header.
        name: Its name.
        distinct: Number of different values.
        rank: How likely it is to be the label.
        numeric: Whether all its values are whole numbers.
        reason: Why its values cannot be classes, though its name is that of a label; else "".
    """

    position: int
    name: str
    distinct: int
    rank: Rank
    numeric: bool
    reason: str = ""


def name_words(name: str) -> list[str]:
    """Return the words of a column's name, in lower case and singular.

    >>> name_words("ClassId"), name_words("dx_type"), name_words("Roi.X1"), name_words("labels")
    (['class', 'id'], ['dx', 'type'], ['roi', 'x1'], ['label'])
    """
    words = re.findall(r"[A-Z]{2,}(?![a-z])\d*|[A-Z]?[a-z]+\d*|[^\W\d_]+\d*", name)
    folded = [word.casefold() for word in words]
    return [word[:-1] if len(word) > 3 and word.endswith("s") and word[:-1] in ALL_WORDS else word for word in folded]


def rank_name(name: str) -> Rank:
    """Return how likely a column is to be the label by its name.

    >>> [int(rank_name(name)) for name in ("label", "ClassId", "Label name", "dx", "dx_type", "sex", "age", "petal")]
    [4, 3, 4, 3, 1, 1, 0, 2]
    """
    words, kept = name_words(name), _kept_words(name)
    if len(kept) > 1:
        kept = [word for word in kept if word not in PHOTO_WORDS] or kept
    joined = "".join(words)
    if not kept:
        return Rank.POSSIBLE if joined in {"", "name"} else Rank.NO
    if kept[-1] in LABEL_WORDS or joined in LABEL_WORDS:
        return Rank.LABEL
    if set(kept[:-1]) & (ATTRIBUTE_WORDS | BESIDE_WORDS) or kept[-1] in ATTRIBUTE_WORDS:
        return Rank.ATTRIBUTE
    if kept[-1] in CLASS_WORDS or joined in CLASS_WORDS:
        # An `animal_id` names one animal, a `class_id` a class.
        return Rank.NO if len(words) > len(kept) and kept[-1] in GROUP_WORDS else Rank.CLASS
    if kept[-1] in OTHER_WORDS or joined in OTHER_WORDS:
        return Rank.NO
    return Rank.ATTRIBUTE if set(kept) & OTHER_WORDS else Rank.POSSIBLE


def _kept_words(name: str) -> list[str]:
    """Return the words with a meaning: `class_id`, `label index`, `breed_name` are labels as much as `class` is."""
    return [word for word in name_words(name) if word not in NAMING_WORDS]


def weigh_columns(roster: Roster) -> list[Column]:
    """Rank each column except those with the photo's name and its split."""
    beside = [at for at in range(len(roster.header)) if at not in {roster.name_column, roster.split_column}]
    # In `Image,Id` the second column must be the label: there is no other.
    alone = len(beside) == 1
    return [
        _weigh(
            position,
            "" if not roster.named or (alone and not _kept_words(roster.header[position])) else roster.header[position],
            roster.header[position],
            roster.column(position),
        )
        for position in beside
    ]


def _weigh(position: int, words: str, name: str, cells: Sequence[str]) -> Column:
    values = [cell for cell in cells if cell]
    distinct = set(values)
    numeric = bool(distinct) and all(INTEGER.fullmatch(value) for value in distinct)
    rank = rank_name(words)
    reason = _reason_no_classes(values, distinct)
    if several := find_several(distinct):
        reason = f"it gives a photo several labels at once ({several!r}), and a classifier here gives one"
    if reason or rank == Rank.NO:
        return Column(position, name, len(distinct), Rank.NO, numeric, reason if rank >= Rank.CLASS else "")
    if rank < Rank.CLASS and len(values) < 0.5 * len(cells):
        return Column(position, name, len(distinct), Rank.NO, numeric)
    if rank < Rank.CLASS and not _is_shaped_like_classes(values, distinct, numeric):
        return Column(position, name, len(distinct), Rank.NO, numeric)
    return Column(position, name, len(distinct), rank, numeric)


def _reason_no_classes(values: Sequence[str], distinct: set[str]) -> str:
    """Return why a column's values cannot be classes, whatever its name, or "" if they can."""
    if len(distinct) < 2:
        return "it has one value only" if distinct else "it is empty"
    measured = [value for value in distinct if MEASURE.fullmatch(value)]
    if len(measured) > 0.9 * len(distinct) and not all(INTEGER.fullmatch(value) for value in measured):
        return "it holds measured numbers, and a classifier sorts into classes"
    if len(distinct) == len(values) and len(values) > 2:
        return "each photo has a value of its own"
    if sum(len(value) > LONGEST_CELL or LOOKS_LIKE_DATA.fullmatch(value) is not None for value in distinct) > 0.5 * len(
        distinct
    ):
        return "it holds lists, addresses or sentences"
    if all(DATE.fullmatch(value) for value in distinct):
        return "it holds dates"
    return ""


def find_several(distinct: Collection[str]) -> str | None:
    """Return a value that combines other values, like a list of labels, or None.

    >>> find_several({"Mass", "Effusion", "Effusion|Mass", "No Finding"}), find_several({"scab", "rust", "scab rust"})
    ('Effusion|Mass', 'scab rust')
    >>> find_several({"Paris, France", "Rome, Italy"}), find_several({"ace of clubs", "joker"})
    (None, None)
    """
    for separator in SEPARATORS:
        lists = sorted(value for value in distinct if separator in value.strip())
        if lists and len(lists) < len(distinct):
            for value in lists:
                parts = [part.strip() for part in value.split(separator)]
                known = [part in distinct for part in parts]
                # A class name never contains a bar; it may contain a space or a comma.
                if len(set(parts)) > 1 and (any(known) if separator == "|" else all(known)):
                    return value
    return None


def _is_shaped_like_classes(values: Sequence[str], distinct: set[str], numeric: bool) -> bool:
    """Return whether a column of any name has few, frequent values, or numbers that count from 0 or 1."""
    if len(distinct) > max(2, len(values) / 2):
        return False
    if not numeric:
        return True
    numbers = sorted(int(float(value)) for value in distinct)
    return numbers[0] in {0, 1} and len(numbers) >= 0.9 * (numbers[-1] - numbers[0] + 1)


def find_groups(roster: Roster, label: int | None) -> tuple[str, ...]:
    """Return the columns that name what several photos show: patients, lesions, sessions."""
    by_photo = {row.photo: row.cells for row in roster.rows}
    groups = []
    for position, name in enumerate(roster.header):
        if position in {roster.name_column, roster.split_column, label} or not roster.named:
            continue
        values = [cells[position] for cells in by_photo.values() if cells[position]]
        distinct = len(set(values))
        if not 1 < distinct < len(values) or len(values) < 0.5 * len(by_photo):
            continue
        if set(name_words(name)) & GROUP_WORDS and distinct <= 0.95 * len(values):
            groups.append(name)
    return tuple(groups)
