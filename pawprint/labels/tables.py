"""Read labels from tables beside the photos: `train.csv`, `_classes.csv`, `metadata.jsonl`, index files, exports."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pawprint.base.errors import UserError
from pawprint.labels.readings import Listing, Reading
from pawprint.labels.tabular.decide import Choice, decide_label
from pawprint.labels.tabular.gather import gather_rosters, gather_sheets, is_form
from pawprint.labels.tabular.limits import TableError
from pawprint.labels.tabular.matching import PhotoNames
from pawprint.labels.tabular.onehot import find_one_hot
from pawprint.labels.tabular.reading import build_reading, describe_photos, find_splits, settle_splits
from pawprint.labels.tabular.roster import Roster, find_roster, join_rosters
from pawprint.labels.tabular.sheet import Sheet
from pawprint.labels.tabular.sheets import likely_tables


@dataclass(frozen=True)
class Survey:
    """What the tables of a source contain.

    Attributes:
        readings: Every reading they give, the one with the most photos first.
        remarks: Whole sentences: why a table that names the photos gives no classes.
        details: What tables without a label say about the photos, such as patient and date: readings whose photos
            have the class "", for use when the classes come from elsewhere.
    """

    readings: tuple[Reading, ...]
    remarks: tuple[str, ...]
    details: tuple[Reading, ...] = ()


def read_tables(listing: Listing) -> list[Reading]:
    """Return every reading that a table or an index file gives."""
    return list(survey_tables(listing).readings)


def survey_tables(listing: Listing) -> Survey:
    """Return every reading that a table or an index file gives, and why the other tables give none."""
    if not listing.companions or not listing.photos:
        return Survey((), ())
    remarks: list[str] = []
    rosters = join_rosters(gather_rosters(listing, PhotoNames(listing.photos), remarks))
    readings: list[Reading] = []
    details: list[Reading] = []
    for roster in rosters:
        decision = decide_label(roster)
        remarks += decision.remarks
        if not decision.choices:
            details.append(describe_photos(roster))
        for choice in decision.choices:
            reading = build_reading(roster, choice, listing)
            if isinstance(reading, str):
                remarks.append(reading)
            elif len({photo.label for photo in reading.photos}) > 1:
                readings.append(reading)
    splits = find_splits(rosters)
    readings = [settle_splits(reading, splits) for reading in _without_repeats(readings)]
    return Survey(tuple(readings), tuple(dict.fromkeys(remarks)), tuple(one for one in details if one.columns))


def read_named_table(listing: Listing, text: str) -> Reading:
    """Return the reading that `labels=<table>[:<column of names>[:<column of labels>]]` names.

    Args:
        listing: The content of the source.
        text: The value of the parameter.

    Raises:
        UserError: There is no such table or column, or it does not name the photos.
    """
    members, rest = _find_members(listing, text)
    names = PhotoNames(listing.photos)

    def refuse(member: str, error: TableError) -> None:
        raise UserError(f"labels={text}: {member} cannot be read: {error}") from error

    sheets = list(gather_sheets(listing, members, names, refuse))
    if not sheets:
        raise UserError(
            f"labels={text}: {members[0]} names none of the {len(listing.photos):,} photos; expected a table with a "
            f"column of names such as {listing.photos[0] if listing.photos else 'cats/1.jpg'!r}"
        )
    sheet = sheets[0]
    name, label = _split_columns(sheet, rest, text)
    # Tables with the same columns belong together: those of other splits or of other class folders.
    tables = likely_tables(listing.companions, listing.photos)
    others = [member for member in tables if member not in members and not is_form(member)]
    family = [*sheets, *gather_sheets(listing, others, names, lambda *_: None)]
    rosters = [
        roster for one in family if one.header == sheet.header and (roster := find_roster(one, names, name)) is not None
    ]
    roster = next((one for one in join_rosters(rosters) if sheet.member in one.members), None)
    if roster is None or not roster.rows:
        raise UserError(
            f"labels={text}: {members[0]} names none of the {len(listing.photos):,} photos; {_describe_columns(sheet)}"
        )
    return _read_chosen(roster, label, listing, text, sheet)


def _read_chosen(roster: Roster, label: int | None, listing: Listing, text: str, sheet: Sheet) -> Reading:
    if label is not None:
        choices: tuple[Choice, ...] = (Choice(column=label),)
        why = ""
    else:
        decision = decide_label(roster)
        choices, why = decision.choices, "; ".join(decision.remarks)
    if not choices and (one_hot := find_one_hot(roster)) is not None and one_hot.is_single:
        choices = (Choice(one_hot=one_hot),)
    readings = [build_reading(roster, choice, listing) for choice in choices]
    given = [reading for reading in readings if isinstance(reading, Reading)]
    if len(given) == 1:
        splits = find_splits(gather_rosters(listing, PhotoNames(listing.photos), []))
        return settle_splits(replace(given[0], labels=text), splits)
    if given:
        candidates = ", ".join(f"labels={reading.labels}" for reading in given)
        raise UserError(f"labels={text}: several columns may be the label; say one of {candidates}")
    reasons = [*(reading for reading in readings if isinstance(reading, str)), *([why] if why else [])]
    raise UserError(
        f"labels={text} gives no classes{': ' + '; '.join(reasons) if reasons else ''}; {_describe_columns(sheet)}; "
        f"say labels={sheet.member}:{roster.header[roster.name_column]}:<column of the label>"
    )


def _find_members(listing: Listing, text: str) -> tuple[list[str], str]:
    """Return the tables that a value of `labels` starts with, and the rest of the value."""
    for end in [*(found.start() for found in re.finditer(":", text)), len(text)][::-1]:
        wanted = PurePosixPath(text[:end].replace("\\", "/")).parts
        fitting = [
            member
            for member in listing.companions
            if wanted and PurePosixPath(member.replace("\\", "/")).parts[-len(wanted) :] == wanted
        ]
        exact = [member for member in fitting if member.replace("\\", "/") == text[:end].replace("\\", "/")]
        if fitting:
            return exact or fitting, text[end + 1 :]
    tables = ", ".join(likely_tables(listing.companions, listing.photos)[:5])
    raise UserError(
        f"labels={text} names no table of the source; {f'it holds {tables}' if tables else 'it holds no table'}"
    )


def _split_columns(sheet: Sheet, rest: str, text: str) -> tuple[int | None, int | None]:
    """Return the positions of the columns in a value of `labels`; a column's name may itself contain a colon."""
    if not rest:
        return None, None
    for cut in [len(rest), *(found.start() for found in re.finditer(":", rest))]:
        name, label = _position(sheet, rest[:cut]), _position(sheet, rest[cut + 1 :])
        if name is not None and (label is not None or cut >= len(rest) - 1):
            return name, label
    raise UserError(f"labels={text}: {sheet.member} has no such columns; {_describe_columns(sheet)}")


def _position(sheet: Sheet, name: str) -> int | None:
    folded = [" ".join(column.casefold().split()) for column in sheet.header]
    wanted = " ".join(name.casefold().split())
    if name in sheet.header:
        return sheet.header.index(name)
    if wanted in folded:
        return folded.index(wanted)
    return int(name) - 1 if name.isdecimal() and 0 < int(name) <= len(sheet.header) else None


def _describe_columns(sheet: Sheet) -> str:
    shown = ", ".join(sheet.header[:20]) + (", …" if len(sheet.header) > 20 else "")
    return f"its columns are {shown}" if sheet.named else f"its {len(sheet.header)} columns have no names: say 1, 2, …"


def _without_repeats(readings: list[Reading]) -> list[Reading]:
    """Return the readings without those that another reading repeats for more photos."""
    kept: list[tuple[Reading, dict[str, str]]] = []
    for reading in sorted(readings, key=lambda reading: -len(reading.photos)):
        photos = {photo.member: photo.label for photo in reading.photos}
        if not any(photos.items() <= known.items() for _, known in kept):
            kept.append((reading, photos))
    return [reading for reading, _ in kept]
