"""Describe what is unusual about the classes: two spellings, missing from a split, a single photo."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pawprint.archives.members import SPLITS
from pawprint.base.words import name_some
from pawprint.labels.folders import split_path
from pawprint.labels.readings import Labelled, Reading

FEW_NAMES = 3
"""Classes named in a sentence; further ones are only counted."""


def join_spellings(reading: Reading) -> Reading:
    """Return a reading in which two spellings of a class are one class, named by the more frequent spelling.

    Spaces and Unicode variants of a letter never make two classes. Upper and lower case do if both spellings are in the
    same folder, as the letters `A/` and `a/` are; in different folders (`train/Cat/`, `test/cat/`) they are one class.
    """
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    for one in reading.photos:
        spelt[_bare(one.label).casefold()][one.label] += 1
    side_by_side = _stand_side_by_side(reading.photos, {key for key, ways in spelt.items() if len(ways) > 1})
    name: dict[str, str] = {}
    notes = []
    for key, ways in spelt.items():
        chosen = _bare(max(sorted(ways), key=ways.__getitem__))
        if key in side_by_side:
            name |= {way: _bare(way) for way in ways}
            if len({_bare(way) for way in ways}) > 1:
                notes.append(
                    f"{_format_ways(ways)} differ only in capitals and are in the same folder: taken as two classes"
                )
        else:
            name |= dict.fromkeys(ways, chosen)
            if len(ways) > 1:
                notes.append(f"{_format_ways(ways)} are one class, spelt in two ways: taken as {chosen!r}")
    photos = tuple(replace(one, label=name[one.label]) for one in reading.photos)
    return replace(reading, photos=photos, notes=(*reading.notes, *notes))


def describe_classes(photos: Sequence[Labelled]) -> tuple[str, ...]:
    """Return sentences about classes that are missing from a split, and about classes of one photo.

    >>> describe_classes([Labelled(f"{n}", "cats", "train") for n in "ab"] + [Labelled("c", "dogs", "test")])
    ("train lacks 'dogs' (1 photo)", "test lacks 'cats' (2 photos)", "only 1 photo: 'dogs'")
    """
    totals = Counter(one.label for one in photos)
    by_split: dict[str, set[str]] = defaultdict(set)
    for one in photos:
        if one.split is not None:
            by_split[one.split].add(one.label)
    notes = []
    for split in SPLITS:
        missing = sorted(set(totals) - by_split[split]) if split in by_split else []
        if missing:
            notes.append(f"{split} lacks {_format_classes(missing, totals)}")
    single = sorted(label for label, number in totals.items() if number == 1)
    if single:
        notes.append(f"only 1 photo: {name_some(list(map(_short, single)), FEW_NAMES)}")
    return tuple(notes)


def _stand_side_by_side(photos: Iterable[Labelled], doubtful: set[str]) -> set[str]:
    """Return the labels of which two spellings are subfolders of the same folder."""
    ways: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for one in photos:
        key = _bare(one.label).casefold()
        if key not in doubtful:
            continue
        folders = split_path(one.member)[:-1]
        for depth, folder in enumerate(folders):
            if _bare(folder).casefold() == key:
                ways[key, folders[:depth]].add(_bare(folder))
    return {key for (key, _), found in ways.items() if len(found) > 1}


def _bare(label: str) -> str:
    return unicodedata.normalize("NFC", label).strip()


def _format_ways(ways: Counter[str]) -> str:
    return " and ".join(f"{way!r} ({_count(number)})" for way, number in sorted(ways.items()))


def _format_classes(labels: Sequence[str], totals: Counter[str]) -> str:
    return name_some([f"{_short(label)} ({_count(totals[label])})" for label in labels], FEW_NAMES)


def _short(label: str) -> str:
    return repr(label if len(label) <= 40 else f"{label[:39]}…")


def _count(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"
