r"""Which reading of the classes is taken: the parameter `labels`.

labels = "auto"                 the one that is clearly the best; else the candidates are shown
       | "folder" | "folder:" n  folders; at level n of the path (1: the first, -1: the photo's own)
       | "prefix"               the beginning of each file name
       | table [":" column ":" column]   a table in the source
       | a regular expression with (?P<label>…), sought in the whole path of each photo
"""

import re
from collections import Counter
from dataclasses import replace

from pawprint.errors import ChoiceError, UserError
from pawprint.photos.class_notes import describe_classes, join_spellings
from pawprint.photos.folder_readings import (
    Candidate,
    mixes_prefixes,
    read_depth,
    read_folders,
    read_one_class,
    read_pattern,
    read_prefixes,
)
from pawprint.photos.layouts import Layout, read_layout
from pawprint.photos.left_out import LeftOut
from pawprint.photos.readings import Listing, Reading
from pawprint.photos.tables import read_named_table, read_tables

LAYOUT = (
    "expected a folder for each class (cats/1.jpg, dogs/1.jpg), names that begin with it (cat.1.jpg), "
    "or a table that names the photos, or say how to read it: labels=<table>, folder, prefix or <regular expression>"
)
DEPTH = re.compile(r"folder:(-?[1-9]\d?)")
MOST_SHOWN = 4
"""Candidates that a refusal shows, a line each."""


def check_labels(labels: str) -> None:
    """Check what can be known of `labels` without photos.

    Raises:
        UserError: Empty, or a regular expression that is none or has no group `label`.
    """
    if not labels.strip():
        raise UserError(
            "labels is empty; expected auto, folder, prefix, a table in the source, or a regular expression"
        )
    if labels.startswith("folder:") and not DEPTH.fullmatch(labels):
        raise UserError(
            f"labels={labels} names no level of folders; expected folder:1 (the first), folder:-1 (the last)"
        )
    if not _is_pattern(labels):
        return
    try:
        groups = re.compile(labels).groupindex
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"labels={labels} is no regular expression ({error})") from error
    if "label" not in groups:
        raise UserError(f"labels={labels} has no group (?P<label>…), which is what becomes the class")


def choose_reading(listing: Listing, labels: str, *, name: str = "the source") -> Reading:
    """Read the classes of all photos in the one way that is meant.

    Args:
        listing: What the source holds.
        labels: The parameter: `auto`, or the way to read.
        name: The source's, for errors.

    Returns:
        The reading, with at least two classes.

    Raises:
        ChoiceError: Several readings, of which none is clearly the best.
        UserError: One class or none, or no such reading.
    """
    check_labels(labels)
    if labels == "auto":
        reading = _choose(listing, name)
    elif labels in {"folder", "prefix"} or DEPTH.fullmatch(labels) or _is_pattern(labels):
        reading = _read_as_told(read_layout(listing), labels, name)
    else:
        reading = read_named_table(listing, labels)
    _check_two_classes(reading, labels, name)
    return replace(reading, notes=(*reading.notes, *describe_classes(reading.photos)))


def _is_pattern(labels: str) -> bool:
    return "(?P<" in labels or any(sign in labels for sign in "\\^$*+|[")


def _read_as_told(layout: Layout, labels: str, name: str) -> Reading:
    if depth := DEPTH.fullmatch(labels):
        return join_spellings(read_depth(layout, int(depth[1])))
    if _is_pattern(labels):
        return join_spellings(read_pattern(layout, labels))
    if labels == "prefix":
        prefixes = read_prefixes(layout)
        if prefixes is None:
            raise UserError(f"{name} has no names that begin with a class (cat.1.jpg), as labels=prefix expects")
        return join_spellings(replace(prefixes.reading, labels="prefix"))
    folders = read_folders(layout)
    if not folders:
        raise UserError(f"{name} has no folders that tell classes apart, as labels=folder expects{_one_class(layout)}")
    if len(folders) > 1 and folders[0].reading.labels != "folder":
        raise _refuse(folders, name)
    return join_spellings(folders[0].reading)


def _choose(listing: Listing, name: str) -> Reading:
    layout = read_layout(listing)
    folders = read_folders(layout)
    prefixes = read_prefixes(layout)
    tables = sorted(read_tables(listing), key=lambda one: -len(one.photos))
    tables = [one for one in tables if len(_classes(one)) >= 2]
    sure = folders[0] if len(folders) == 1 and not folders[0].doubt else None
    if sure and prefixes and mixes_prefixes(prefixes, sure):
        folders, sure = [*folders, prefixes], None
    if tables:
        return _weigh_tables(listing, tables, sure, folders, name)
    if sure:
        return join_spellings(sure.reading)
    # Folders of persons, dates or sessions leave the classes to file names; several levels of folders leave it open.
    if prefixes and not prefixes.doubt and len(folders) <= 1:
        return join_spellings(prefixes.reading)
    doubtful = [*folders, *([prefixes] if prefixes and prefixes not in folders else [])]
    if not doubtful:
        raise UserError(_explain_none(layout, name))
    raise _refuse(doubtful, name)


def _weigh_tables(
    listing: Listing, tables: list[Reading], sure: Candidate | None, folders: list[Candidate], name: str
) -> Reading:
    """Choose among tables, and between them and folders that surely tell the classes."""
    best, *others = tables
    rivals = [one for one in others if len(one.photos) >= 0.9 * len(best.photos) and not _agree(one, best)]
    if sure is None:
        named = len(best.photos) / max(1, len(listing.photos))
        if rivals or (named < 0.5 and _shares_folders(best, listing)):
            raise _refuse([Candidate(one) for one in (best, *rivals)] + folders, name)
        return best
    alike = [one for one in tables if _agree(one, sure.reading)]
    if not alike:
        covered = {one.member for one in best.photos} & {one.member for one in sure.reading.photos}
        if len(covered) >= 0.5 * len(sure.reading.photos):
            raise _refuse([sure, *(Candidate(one) for one in (best, *rivals))], name)
        return join_spellings(_fill(sure.reading, tables))
    same = alike[0]
    more = same.columns or any(one.split for one in same.photos) > any(one.split for one in sure.reading.photos)
    if len(same.photos) > len(sure.reading.photos) or (more and len(same.photos) == len(sure.reading.photos)):
        return same
    return join_spellings(_fill(sure.reading, tables))


def _fill(reading: Reading, tables: list[Reading]) -> Reading:
    """Give photos that have no class by their folders the one that a table names, where that is a known class."""
    known = {one.member for one in reading.photos}
    by_key = {_key(label): label for label in _classes(reading)}
    for table in tables:
        added = [one for one in table.photos if one.member not in known]
        if not added or not all(_key(one.label) in by_key for one in added):
            continue
        labelled = [replace(one, label=by_key[_key(one.label)], columns=()) for one in added]
        rest = LeftOut()
        found = {one.member for one in added}
        for reason, number in reading.left_out.items():
            names = [name for name in reading.left_out.names.get(reason, ()) if name not in found]
            rest[reason] = number
            rest.names[reason] = names
        return replace(
            reading,
            photos=tuple(sorted([*reading.photos, *labelled], key=lambda one: one.member)),
            left_out=_subtract(rest, len(added)),
            explanation=f"{reading.explanation}; {table.labels.partition(':')[0]} names the class of {len(added)} more",
        )
    return reading


def _subtract(left_out: LeftOut, number: int) -> LeftOut:
    """Take away photos that have found a class after all: those that were in a test folder without one, first."""
    for reason in sorted(left_out, key=lambda reason: "without a class" not in reason and "no class" not in reason):
        taken = min(number, left_out[reason])
        left_out[reason] -= taken
        number -= taken
        if not left_out[reason]:
            del left_out[reason]
            left_out.names.pop(reason, None)
    return left_out


def _key(label: str) -> str:
    """Return a label as it is compared: `00007` and `7` are one."""
    text = label.strip().casefold()
    return text.lstrip("0") or "0" if text.isdigit() else text


def _classes(reading: Reading) -> Counter[str]:
    return Counter(one.label for one in reading.photos)


def _agree(one: Reading, other: Reading) -> bool:
    """Return whether two readings part the photos that both know in the same way, whatever they call the classes."""
    labels = {photo.member: photo.label for photo in other.photos}
    pairs = Counter((photo.label, labels[photo.member]) for photo in one.photos if photo.member in labels)
    if not pairs:
        return False
    forth: dict[str, str] = {}
    back: dict[str, str] = {}
    alike = 0
    for (first, second), number in pairs.most_common():
        if forth.setdefault(first, second) == second and back.setdefault(second, first) == first:
            alike += number
    return alike >= 0.99 * pairs.total() and len(forth) >= 2


def _shares_folders(reading: Reading, listing: Listing) -> bool:
    """Return whether photos that a table does not name lie among those that it names."""
    named = {one.member for one in reading.photos}
    folders = {member.rpartition("/")[0] for member in named}
    beside = sum(member.rpartition("/")[0] in folders for member in listing.photos if member not in named)
    return beside > len(named)


def _check_two_classes(reading: Reading, labels: str, name: str) -> None:
    classes = sorted(_classes(reading))
    if len(classes) >= 2:
        return
    how = "" if labels == "auto" else f" by labels={labels}"
    if not classes:
        raise UserError(f"{name} holds no labelled photos{how}; {LAYOUT}")
    raise UserError(f"{name} holds photos of one class only{how}, {classes[0]!r}, and a classifier needs two; {LAYOUT}")


def _one_class(layout: Layout) -> str:
    name = read_one_class(layout)
    return f": all lie in {name!r}" if name else ""


def _explain_none(layout: Layout, name: str) -> str:
    only = read_one_class(layout)
    if only is None:
        photos = f"{len(layout.placed)} photos, and neither folders nor names tell them apart"
        return f"{name} holds no labelled photos ({photos}); {LAYOUT}"
    return f"{name} holds photos of one class only, {only!r}, and a classifier needs two; {LAYOUT}"


def _refuse(candidates: list[Candidate], name: str) -> ChoiceError:
    """Return the error that shows the readings that are possible, each as the parameter that chooses it."""
    lines = []
    for candidate in candidates[:MOST_SHOWN]:
        reading = join_spellings(candidate.reading)
        counts = _classes(reading)
        names = ", ".join(f"{_short(label)} ({counts[label]})" for label in sorted(counts)[:3])
        more = f", … {len(counts)} classes" if len(counts) > 3 else ""
        choice = reading.labels if " " not in reading.labels else f"'{reading.labels}'"
        lines.append(f"  labels={choice}  {names}{more}")
    if len(candidates) > MOST_SHOWN:
        lines.append(f"  … and {len(candidates) - MOST_SHOWN} more")
    doubts = list(dict.fromkeys(candidate.doubt for candidate in candidates if candidate.doubt))
    why = f" ({doubts[0]})" if doubts else ""
    if len(lines) == 1:
        mend = "if it is right, say so, or give labels=<regular expression>"
        return ChoiceError(f"{name} can't be read for sure{why}; {mend}:\n{lines[0]}")
    ways = "\n".join(lines)
    return ChoiceError(
        f"{name} can be read in more than one way{why}, and none is clearly the best; say which:\n{ways}"
    )


def _short(label: str) -> str:
    return label if len(label) <= 30 else f"{label[:29]}…"
