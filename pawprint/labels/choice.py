r"""Choose the reading of the classes: the parameter `labels`.

labels = "auto"                 the clearly best reading; without one, an error lists the candidates
   | "folder" | "folder:" n  folders; at level n of the path (1: the first, -1: the photo's own)
   | "prefix"               the beginning of each file name
   | table [":" column ":" column]   a table in the source
   | a regular expression with (?P<label>…), searched in the whole path of each photo
"""

import re
from dataclasses import replace

from pawprint.base.errors import ChoiceError, UserError
from pawprint.labels.class_notes import describe_classes, join_spellings
from pawprint.labels.detection import explain_detection
from pawprint.labels.folder_readings import (
    Candidate,
    mixes_prefixes,
    read_depth,
    read_folders,
    read_one_class,
    read_pattern,
    read_prefixes,
)
from pawprint.labels.layouts import Layout, read_layout
from pawprint.labels.readings import Listing, Reading
from pawprint.labels.tables import Survey, read_named_table, survey_tables
from pawprint.labels.weighing import attach_columns, count_classes, weigh_tables

LAYOUT = (
    "expected a folder for each class (cats/1.jpg, dogs/1.jpg), names that begin with it (cat.1.jpg), "
    "or a table that names the photos, or say how to read it: labels=<table>, folder, prefix or <regular expression>"
)
DEPTH = re.compile(r"folder:(-?[1-9]\d?)")
MOST_REMARKS = 3
MOST_SHOWN = 4
"""Candidates listed in the error, one line each."""


def check_labels(labels: str) -> None:
    """Check what can be checked of `labels` without photos.

    Raises:
        UserError: The value is empty, or a regular expression that is invalid or has no group `label`.
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
    """Read the classes of all photos in the way `labels` asks for.

    Args:
        listing: The content of the source.
        labels: The parameter: `auto`, or the reading to use.
        name: The name of the source, for errors.

    Returns:
        The reading, with at least two classes.

    Raises:
        ChoiceError: There are several readings, and none is clearly the best.
        UserError: There are fewer than two classes, or no such reading.
    """
    check_labels(labels)
    by_names = labels in {"folder", "prefix"} or DEPTH.fullmatch(labels) or _is_pattern(labels)
    if labels == "auto" or by_names:
        survey = survey_tables(listing)
        chosen = _read_given(read_layout(listing), labels, name) if by_names else _choose(listing, survey, name)
        reading = attach_columns(chosen, (*survey.readings, *survey.details))
    else:
        reading = read_named_table(listing, labels)
    _check_two_classes(reading, labels, name)
    return replace(reading, notes=(*reading.notes, *describe_classes(reading.photos)))


def _is_pattern(labels: str) -> bool:
    return "(?P<" in labels or any(sign in labels for sign in "\\^$*+|[")


def _read_given(layout: Layout, labels: str, name: str) -> Reading:
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


def _choose(listing: Listing, survey: Survey, name: str) -> Reading:
    layout = read_layout(listing)
    folders = read_folders(layout)
    prefixes = read_prefixes(layout)
    sure = folders[0] if len(folders) == 1 and not folders[0].doubt else None
    if sure and prefixes and mixes_prefixes(prefixes, sure):
        folders, sure = [*folders, prefixes], None
    weighed = weigh_tables(layout, survey.readings, sure.reading if sure else None)
    if len(weighed) == 1 and not weighed[0].doubt:
        return weighed[0].reading
    if weighed:
        raise _refuse([*weighed, *(one for one in folders if one is not sure)], name)
    # Folders of persons, dates or sessions leave the class to file names; several levels of folders are ambiguous.
    if prefixes and not prefixes.doubt and len(folders) <= 1:
        return join_spellings(prefixes.reading)
    doubtful = [*folders, *([prefixes] if prefixes and prefixes not in folders else [])]
    if not doubtful:
        raise UserError(_explain_none(layout, name, [explain_detection(listing), *survey.remarks]))
    raise _refuse(doubtful, name)


def _check_two_classes(reading: Reading, labels: str, name: str) -> None:
    classes = sorted(count_classes(reading))
    if len(classes) >= 2:
        return
    how = "" if labels == "auto" else f" by labels={labels}"
    if not classes:
        raise UserError(f"{name} holds no labelled photos{how}; {LAYOUT}")
    raise UserError(f"{name} holds photos of one class only{how}, {classes[0]!r}, and a classifier needs two; {LAYOUT}")


def _one_class(layout: Layout) -> str:
    name = read_one_class(layout)
    return f": all lie in {name!r}" if name else ""


def _explain_none(layout: Layout, name: str, remarks: list[str | None]) -> str:
    only = read_one_class(layout)
    if only is None:
        photos = f"{len(layout.placed)} photos, and neither folders nor names tell them apart"
        found = f"{name} holds no labelled photos ({photos})"
    else:
        found = f"{name} holds photos of one class only, {only!r}, and a classifier needs two"
    return "; ".join([found, *(remark for remark in remarks[:MOST_REMARKS] if remark), LAYOUT])


def _refuse(candidates: list[Candidate], name: str) -> ChoiceError:
    """Return the error that lists the possible readings, each as the value of `labels` that chooses it."""
    lines = []
    for candidate in candidates[:MOST_SHOWN]:
        reading = join_spellings(candidate.reading)
        counts = count_classes(reading)
        names = ", ".join(f"{_short(label)} ({counts[label]})" for label in sorted(counts)[:3])
        more = f", … {len(counts)} classes" if len(counts) > 3 else ""
        choice = reading.labels if " " not in reading.labels else f"'{reading.labels}'"
        lines.append(f"  labels={choice}  {names}{more}")
    if len(candidates) > MOST_SHOWN:
        lines.append(f"  … and {len(candidates) - MOST_SHOWN} more")
    doubts = list(dict.fromkeys(candidate.doubt for candidate in candidates if candidate.doubt))
    why = f" ({doubts[0]})" if doubts else ""
    if len(lines) == 1:
        advice = "if this is right, give it as the parameter, else give labels=<regular expression>"
        return ChoiceError(f"the classes of {name} are not certain{why}; {advice}:\n{lines[0]}")
    ways = "\n".join(lines)
    return ChoiceError(
        f"{name} can be read in more than one way{why}, and none is clearly the best; say which:\n{ways}"
    )


def _short(label: str) -> str:
    return label if len(label) <= 30 else f"{label[:29]}…"
