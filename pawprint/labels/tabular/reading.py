"""Turn a roster and its label column into a reading."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from pawprint.archives.left_out import LeftOut
from pawprint.labels.name_prefixes import prefix_label
from pawprint.labels.readings import Labelled, Listing, Reading
from pawprint.labels.tabular.class_names import find_class_names
from pawprint.labels.tabular.columns import INTEGER, find_groups
from pawprint.labels.tabular.decide import Choice, pairs_up
from pawprint.labels.tabular.limits import COLUMNS_KEPT, LONGEST_CELL
from pawprint.labels.tabular.matching import split_path
from pawprint.labels.tabular.onehot import STRAY_SHARE
from pawprint.labels.tabular.roster import Roster
from pawprint.labels.tabular.split_words import find_split


@dataclass(frozen=True)
class _Classes:
    """The class of each photo in a table, and the photos without a class, by reason."""

    labels: dict[str, str]
    without: dict[str, list[str]]
    notes: list[str]


def build_reading(roster: Roster, choice: Choice, listing: Listing) -> Reading | str:
    """Return the reading by a label column or by one-hot columns, or the reason why they give none."""
    classes = _classes_of_one_hot(roster, choice) if choice.one_hot else _classes_of_column(roster, choice)
    if isinstance(classes, str):
        return classes
    labels, spelt = _merge_spellings(roster, choice, classes.labels)
    labels, named_by = _name_numbers(labels, listing)
    other = _other_columns(roster, choice)
    first = {row.photo: row for row in reversed(roster.rows)}
    photos = [
        Labelled(photo, label, first[photo].split, tuple(_cut(first[photo].cells[at]) for at in other))
        for photo, label in sorted(labels.items())
    ]
    rest = [photo for photo in listing.photos if photo not in first]
    by_folder = _complete_by_folder(rest, set(labels.values()))
    photos += [Labelled(photo, label, None, ("",) * len(other)) for photo, label in by_folder.items()]
    left_out = LeftOut()
    table = _name_tables(roster.members)
    for reason, members in classes.without.items():
        for member in sorted(members):
            left_out.add(f"{reason} in {table}", member)
    for photo in rest:
        if photo not in by_folder:
            left_out.add(f"without a row in {table}", photo)
    notes = [*_note_rows(roster, table), *classes.notes, *spelt]
    if named_by:
        notes.append(f"the names of the classes come from {named_by}")
    if by_folder:
        notes.append(
            f"{len(by_folder):,} photos without a row, such as {next(iter(by_folder))}, lie in folders named as "
            f"classes of {table} and are of these"
        )
    return Reading(
        labels=_parameter(roster, choice),
        explanation=_explain(roster, choice, table, len(labels), len(listing.photos), len(set(labels.values()))),
        photos=tuple(sorted(photos, key=lambda photo: photo.member)),
        left_out=left_out,
        columns=tuple(roster.header[at] for at in other),
        groups=find_groups(roster, choice.column),
        notes=tuple(notes),
    )


def describe_photos(roster: Roster) -> Reading:
    """Return a reading of a roster without a label: only its columns count, and each photo's class is ""."""
    other = _other_columns(roster, Choice()) if roster.named else []
    first = {row.photo: row for row in reversed(roster.rows)}
    return Reading(
        labels="",
        explanation=f"{_name_tables(roster.members)} names {len(first):,} photos and no class",
        photos=tuple(
            Labelled(photo, "", first[photo].split, tuple(_cut(first[photo].cells[at]) for at in other))
            for photo in sorted(first)
        ),
        columns=tuple(roster.header[at] for at in other),
        groups=find_groups(roster, None),
    )


def _classes_of_column(roster: Roster, choice: Choice) -> _Classes | str:
    assert choice.column is not None  # noqa: S101 - for mypy: a choice has a column or one-hot columns
    found: dict[str, set[str]] = defaultdict(set)
    for row in roster.rows:
        found[row.photo].add(unicodedata.normalize("NFC", row.cells[choice.column]))
    labels: dict[str, str] = {}
    empty: list[str] = []
    several: list[str] = []
    for photo, values in found.items():
        given = values - {""}
        if len(given) == 1:
            labels[photo] = next(iter(given))
        else:
            (several if given else empty).append(photo)
    return _judge_classes(roster, roster.header[choice.column], labels, empty, several)


def _classes_of_one_hot(roster: Roster, choice: Choice) -> _Classes | str:
    assert choice.one_hot is not None  # noqa: S101 - for mypy
    labels = {photo: roster.header[at] for photo, at in choice.one_hot.single.items()}
    return _judge_classes(roster, "one-hot columns", labels, choice.one_hot.none, choice.one_hot.several)


def _judge_classes(
    roster: Roster, column: str, labels: dict[str, str], empty: list[str], several: list[str]
) -> _Classes | str:
    if len(several) > STRAY_SHARE * (len(labels) + len(several)):
        return (
            f"{roster.members[0]} gives {len(several):,} of {len(labels) + len(several):,} photos, such as "
            f"{several[0]}, more than one {column!r}, and a classifier gives one"
        )
    notes = []
    if several:
        names = ", ".join(sorted(several)[:3])
        notes.append(f"{len(several):,} photos have two labels and are left out: {names}")
    without = {reason: members for reason, members in (("no label", empty), ("two labels", several)) if members}
    return _Classes(labels, without, notes)


def _merge_spellings(roster: Roster, choice: Choice, labels: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Join the spellings of classes: outer spaces and Unicode variants never make two classes, upper case does."""
    counts = Counter(labels.values())
    notes = []
    if choice.column is not None:
        raw: dict[str, Counter[str]] = defaultdict(Counter)
        for row in roster.rows:
            cell = row.cells[choice.column]
            raw[unicodedata.normalize("NFC", cell)][cell] += 1
        for label in sorted(raw):
            spaced = sum(roster.spaced[choice.column, cell] for cell in raw[label])
            if len(raw[label]) > 1 or (label and 0 < spaced < sum(raw[label].values())):
                number = spaced if len(raw[label]) == 1 else min(raw[label].values())
                notes.append(f"class {label!r} is spelt in two ways ({number:,} of {counts[label]:,}), taken as one")
    folded: dict[str, list[str]] = defaultdict(list)
    for label in sorted(counts):
        folded[" ".join(label.casefold().split())].append(label)
    for group in folded.values():
        notes += [
            f"classes {one!r} ({counts[one]:,}) and {other!r} ({counts[other]:,}) differ only in their spelling "
            "and stay two classes; correct the table if they are the same"
            for one, other in pairwise(group)
        ]
    return {photo: label[:LONGEST_CELL] for photo, label in labels.items()}, notes[:20]


def _name_numbers(labels: dict[str, str], listing: Listing) -> tuple[dict[str, str], str | None]:
    """Return the classes with their numbers replaced by names, if something gives the names, and what gives them."""
    numbers = set(labels.values())
    if not numbers or not all(INTEGER.fullmatch(number) for number in numbers):
        return labels, None
    if (found := find_class_names(numbers, listing.companions, listing.read)) is not None:
        names, member = found
        return {photo: names[number] for photo, number in labels.items()}, member
    # In Oxford's pets, for example, number 1 is the class of the photos named like `Abyssinian_12.jpg`.
    prefixes = {photo: prefix_label(photo) for photo in labels}
    if all(prefixes.values()) and pairs_up((labels[photo], str(prefix)) for photo, prefix in prefixes.items()):
        return {photo: str(prefix) for photo, prefix in prefixes.items()}, "the photos' names"
    folders = {photo: ("", *split_path(photo))[-2] for photo in labels}
    words = all(folder and not INTEGER.fullmatch(folder) for folder in folders.values())
    if words and pairs_up((labels[photo], folder) for photo, folder in folders.items()):
        return folders, "the photos' folders"
    return labels, None


def _complete_by_folder(rest: Iterable[str], classes: Collection[str]) -> dict[str, str]:
    """Return the class of photos without a row that lie in a folder named like one of the table's classes."""
    found = {}
    for photo in rest:
        folders = split_path(photo)[:-1]
        if folders and folders[-1] in classes:
            found[photo] = folders[-1]
    return found


def find_splits(rosters: Iterable[Roster]) -> dict[str, str]:
    """Return the split of each photo, from all tables that give one; a photo given two splits has none."""
    found: dict[str, set[str]] = defaultdict(set)
    for roster in rosters:
        for row in roster.rows:
            if row.split:
                found[row.photo].add(row.split)
    return {photo: next(iter(splits)) for photo, splits in found.items() if len(splits) == 1}


def settle_splits(reading: Reading, splits: Mapping[str, str]) -> Reading:
    """Return a reading with the split of each photo: that of its row, else of another table, else of its folders.

    If all photos have one split, because only that split has labels, the splits are dropped and made anew.

    Args:
        reading: Its photos have the splits of their rows.
        splits: The splits given by any table.
    """
    given = any(photo.split for photo in reading.photos)
    settled = [
        photo.split
        or (None if given else splits.get(photo.member))
        or _split_of_folder(photo.member.rpartition("/")[0])
        for photo in reading.photos
    ]
    named = set(settled)
    if named <= {"train", None} or not named & {"train", None}:
        settled = [None] * len(settled)
    photos = tuple(
        photo if photo.split == split else replace(photo, split=split)
        for photo, split in zip(reading.photos, settled, strict=True)
    )
    return replace(reading, photos=photos)


@lru_cache(maxsize=10_000)
def _split_of_folder(folder: str) -> str | None:
    return next((split for part in split_path(folder) if (split := find_split(part))), None)


def _other_columns(roster: Roster, choice: Choice) -> list[int]:
    skip = {roster.name_column, roster.split_column, choice.column}
    if choice.one_hot:
        skip |= set(choice.one_hot.positions)
    others = [at for at in range(len(roster.header)) if at not in skip]
    return [at for at in others[: 10 * COLUMNS_KEPT] if any(row.cells[at] for row in roster.rows)][:COLUMNS_KEPT]


def _cut(cell: str) -> str:
    return " ".join(cell[:LONGEST_CELL].split())


def _note_rows(roster: Roster, table: str) -> list[str]:
    notes = []
    if roster.missing:
        notes.append(f"{len(roster.missing):,} rows of {table} name no photo here: {_cut(roster.missing[0])!r}, …")
    if roster.unclear:
        notes.append(
            f"{len(roster.unclear):,} rows of {table} may mean more than one photo and are left out: "
            f"{_cut(roster.unclear[0])!r}, …"
        )
    twice = Counter(row.photo for row in roster.rows)
    if repeated := sum(number > 1 for number in twice.values()):
        notes.append(f"{repeated:,} photos have several rows in {table}")
    return notes


def _name_tables(members: Sequence[str]) -> str:
    return members[0] if len(members) == 1 else f"{members[0]} and {len(members) - 1:,} more tables of its kind"


def _parameter(roster: Roster, choice: Choice) -> str:
    columns = [roster.header[roster.name_column]]
    if choice.column is not None:
        columns.append(roster.header[choice.column])
    return ":".join([roster.members[0], *columns])


def _explain(roster: Roster, choice: Choice, table: str, labelled: int, photos: int, classes: int) -> str:
    name = roster.header[roster.name_column]
    what = (
        f"a 1 in one of its {len(choice.one_hot.positions):,} columns"
        if choice.one_hot
        else f"a {roster.header[choice.column or 0]!r}"
    )
    named = f"{table} names {labelled:,} of {photos:,} photos in column {name!r}"
    return f"{named} and gives each {what} ({classes:,} classes)"
