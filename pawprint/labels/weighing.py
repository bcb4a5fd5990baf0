"""Choose among readings by tables and a sure reading by folders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pawprint.archives.name_words import LABEL_WORDS
from pawprint.labels.class_notes import join_spellings
from pawprint.labels.folder_names import split_tokens
from pawprint.labels.folder_readings import Candidate
from pawprint.labels.layouts import Layout, build_reading
from pawprint.labels.readings import Reading


def weigh_tables(layout: Layout, tables: Sequence[Reading], sure: Reading | None) -> list[Candidate]:
    """Choose among readings by tables and a sure reading by folders.

    A table that names most photos wins over folders that are not sure. If folders are sure, a table that agrees adds
    its columns, its splits, and the classes of photos outside the class folders. A table that divides the photos in
    another way, by a column with the name of a label, is as good as the folders.

    Args:
        layout: All photos.
        tables: The readings that tables give.
        sure: The reading by folders, if it is sure.

    Returns:
        The clearly best reading; or several, if none is the best; or none, if neither tables nor folders give classes.
    """
    ranked = sorted((one for one in tables if len(count_classes(one)) >= 2), key=lambda one: -len(one.photos))
    if not ranked:
        return [Candidate(join_spellings(sure))] if sure else []
    if sure is None:
        best, *others = ranked
        rivals = [one for one in others if len(one.photos) >= 0.9 * len(best.photos) and not _agree(one, best)]
        doubt = "the table names few of the photos" if _names_few(best, layout) else ""
        return [Candidate(one, doubt) for one in (best, *rivals)]
    alike = [one for one in ranked if _agree(one, sure)]
    if alike:
        same = alike[0]
        more = same.columns or _count_splits(same) > _count_splits(sure)
        if len(same.photos) > len(sure.photos) or (more and len(same.photos) == len(sure.photos)):
            return [Candidate(same)]
        return [Candidate(join_spellings(_fill(layout, sure, alike)))]
    known = {one.member for one in sure.photos}
    rivals = [
        one
        for one in ranked
        if sum(photo.member in known for photo in one.photos) >= 0.5 * len(known)
        and LABEL_WORDS & set(split_tokens(_label_column(one)))
    ]
    if rivals:
        return [Candidate(one) for one in (sure, *rivals)]
    return [Candidate(attach_columns(join_spellings(_fill(layout, sure, ranked)), ranked))]


def attach_columns(reading: Reading, tables: Sequence[Reading]) -> Reading:
    """Return a reading with a table's other columns added, if that table names nearly all of its photos."""
    if reading.columns:
        return reading
    known = {one.member for one in reading.photos}
    for table in tables:
        rows = {one.member: one for one in table.photos if one.member in known}
        if len(rows) < 0.9 * len(known):
            continue
        same = not table.labels or _agree(table, reading)  # a table without a label has only columns
        columns = table.columns if same else (_label_column(table), *table.columns)
        empty = ("",) * len(columns)
        photos = []
        for one in reading.photos:
            row = rows.get(one.member)
            values = empty if row is None else row.columns if same else (row.label, *row.columns)
            photos.append(replace(one, columns=values))
        groups = tuple(dict.fromkeys((*reading.groups, *table.groups)))
        return replace(reading, photos=tuple(photos), columns=columns, groups=groups)
    return reading


def count_classes(reading: Reading) -> Counter[str]:
    """Return the number of photos by class."""
    return Counter(one.label for one in reading.photos)


def _names_few(table: Reading, layout: Layout) -> bool:
    """Return whether a table leaves out most of the photos beside those it names."""
    named = {one.member for one in table.photos}
    folders = {member.rpartition("/")[0] for member in named}
    beside = sum(one.member not in named and one.member.rpartition("/")[0] in folders for one in layout.placed)
    return beside > len(named)


def _label_column(table: Reading) -> str:
    return table.labels.rpartition(":")[2]


def _count_splits(reading: Reading) -> int:
    return sum(one.split is not None for one in reading.photos)


def _fill(layout: Layout, reading: Reading, tables: Sequence[Reading]) -> Reading:
    """Give photos without a class by their folders the class in the table, if it is a known class."""
    known = {one.member for one in reading.photos}
    by_key = {_key(label): label for label in count_classes(reading)}
    splits = {one.member: one.split for one in layout.placed}
    for table in tables:
        added = [one for one in table.photos if one.member not in known and one.member in splits]
        if not added or not all(_key(one.label) in by_key for one in added):
            continue
        labelled = [
            replace(one, label=by_key[_key(one.label)], split=one.split or splits[one.member], columns=())
            for one in added
        ]
        return build_reading(
            layout,
            [*reading.photos, *labelled],
            labels=reading.labels,
            explanation=f"{reading.explanation}; {table.labels.partition(':')[0]} names the class of {len(added)} more",
            groups=reading.groups,
        )
    return reading


def _key(label: str) -> str:
    """Return a label in the form used to compare: `00007` equals `7`."""
    text = label.strip().casefold()
    return text.lstrip("0") or "0" if text.isdigit() else text


def _agree(one: Reading, other: Reading) -> bool:
    """Return whether two readings divide their common photos in the same way, whatever they call the classes."""
    labels = {photo.member: photo.label for photo in other.photos}
    pairs = Counter((photo.label, labels[photo.member]) for photo in one.photos if photo.member in labels)
    forth: dict[str, str] = {}
    back: dict[str, str] = {}
    alike = 0
    for (first, second), number in pairs.most_common():
        if forth.setdefault(first, second) == second and back.setdefault(second, first) == first:
            alike += number
    return bool(pairs) and alike >= 0.99 * pairs.total() and len(forth) >= 2
