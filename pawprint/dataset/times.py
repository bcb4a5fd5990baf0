"""`split_by_time`: parse when photos were taken, and split them into past and future."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise, product

from pawprint.base.errors import UserError
from pawprint.dataset.exif import Taken
from pawprint.dataset.groups import describe_columns, guess_column
from pawprint.dataset.splits import SPLITS, TEST_FRACTION, Candidate, join_groups

EXIF = "exif"
_DAYS = (
    *("%Y/%m/%d", "%Y.%m.%d", "%Y:%m:%d", "%Y-%m"),
    *("%d.%m.%Y", "%m.%d.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
FORMATS = tuple(day + clock for day, clock in product(_DAYS, _CLOCKS))
"""Formats for `strptime`, besides ISO 8601 and plain numbers. Years have four digits: 03/04/05 is ambiguous."""
_LOOKED_AT = 1000
"""Distinct values that are counted once some are known not to be times."""


def read_times(
    column: str,
    members: Sequence[str],
    columns: Sequence[str],
    values: Mapping[str, Sequence[str]],
    taken: Mapping[str, Taken],
) -> dict[str, str]:
    """Return the text of when each photo was taken.

    Args:
        column: A column's name, or `exif` for DateTimeOriginal.
        members: The photos' names, at least one.
        columns: Names of the table's columns; () without a table.
        values: Each photo's values in the table, in the order of the columns.
        taken: When photos were taken, if known; used for `exif` only.

    Raises:
        UserError: There is no such column, or some photos have no time.
    """
    if column in columns:
        place = columns.index(column)
        texts = {member: text for member in members if (text := values[member][place].strip())}
    elif column == EXIF:
        texts = {member: taken[member].time.isoformat() for member in members if member in taken}
    else:
        hint = describe_columns(columns) or f"; there is no table beside the photos, and only {EXIF} is left to take"
        raise UserError(f"split_by_time={column} is no column of the table{guess_column(column, columns)}{hint}")
    if missing := [member for member in members if member not in texts]:
        raise UserError(
            f"split_by_time={column}: {len(missing)} of {len(members)} photos have no time (such as "
            f"{', '.join(missing[:3])}), so nobody can say whether they are past or future; fill it in, take these "
            "photos out, or leave split_by_time empty"
        )
    return texts


def parse_times(texts: Sequence[str], column: str) -> list[float]:
    """Return numbers that order times, equal for equal times, by the only format that fits all texts.

    Plain numbers (years, days, seconds) are kept; then ISO 8601 is tried, then `FORMATS`. If only other values show
    which number is the day and which the month, they decide: with `13/02/2024`, the day comes first in the whole
    column.

    Args:
        texts: At least one.
        column: The name of the column, for messages.

    Raises:
        UserError: No format fits all texts, or two do and give different times.

    >>> parse_times(["2023-12-31", "2024-01-01T06:00"], "date")
    [1703980800.0, 1704088800.0]
    >>> parse_times(["02/01/2024", "13/02/2024"], "date") == parse_times(["2024-01-02", "2024-02-13"], "date")
    True
    >>> parse_times(["2019", "2021"], "year")
    [2019.0, 2021.0]
    """
    distinct = sorted(set(texts))
    if all(re.fullmatch(r"-?\d+(\.\d+)?", text) for text in distinct):
        return _parse_numbers(texts, distinct, column)
    readings = [read for read in (_parse_iso(distinct), *_parse_formats(distinct)) if read is not None]
    if not readings:
        looked_at = distinct[:_LOOKED_AT]
        unread = [text for text in looked_at if _parse_iso([text]) is None and not any(_parse_formats([text]))]
        odd = unread or distinct
        raise UserError(
            f"split_by_time={column}: "
            + (
                f"{len(unread)} of {len(looked_at)} values are no times"
                if unread
                else "the values are not written alike"
            )
            + f" ({', '.join(repr(text) for text in odd[:3])}); expected dates like 2024-05-31 or 2024-05-31 14:00, "
            "all in one way, or numbers"
        )
    if any(other != readings[0] for other in readings[1:]):
        text = next(text for text in distinct if any(other[text] != readings[0][text] for other in readings[1:]))
        ways = sorted({datetime.fromtimestamp(read[text], UTC).strftime("%d %B %Y") for read in readings})
        raise UserError(
            f"split_by_time={column}: {text!r} can be {' or '.join(ways)}, and no other of the {len(distinct)} values "
            "tells which; write dates like 2024-05-31"
        )
    return [readings[0][text] for text in texts]


def divide_by_time(
    candidates: Sequence[Candidate],
    groups: Iterable[Collection[str]],
    *,
    train_images: int,
    test_images: int,
    validation_fraction: float,
) -> list[Candidate]:
    """Set each photo's split by when it was taken: the past is for training, then validation, the future for the test.

    The test is the share of photos that the counts ask for, or a fifth. Equal times are never divided, and photos that
    belong together go by their latest time, so that no training photo is later than the first day of the test. If the
    past is a single time, no photo gets validation.

    Args:
        candidates: Photos, each with a time.
        groups: The members of each group of near duplicates.
        train_images: As for `assign_splits`.
        test_images: As for `assign_splits`.
        validation_fraction: Share of the photos before the test for validation, the latest of them.

    Raises:
        UserError: All times are the same.
    """
    unit_of = join_groups(candidates, groups)
    latest: dict[int, float] = defaultdict(lambda: float("-inf"))
    for c in candidates:
        unit = unit_of[c.member]
        latest[unit] = max(latest[unit], c.time if c.time is not None else float("-inf"))
    times = sorted(latest[unit_of[c.member]] for c in candidates)
    if test_images and train_images:
        share = test_images / (test_images + train_images)
    else:
        share = test_images / len(times) if 0 < test_images < len(times) else TEST_FRACTION
    test_from = _cut(times, share)
    if test_from is None:
        raise UserError("split_by_time: all photos, or all groups of them, have the same time; leave it empty")
    past = [time for time in times if time < test_from]
    validation_from = _cut(past, validation_fraction) if validation_fraction else None

    def side(time: float) -> str:
        if time >= test_from:
            return "test"
        return "validation" if validation_from is not None and time >= validation_from else "train"

    return [replace(c, named_split=side(latest[unit_of[c.member]])) for c in candidates]


def describe_times(column: str, chosen: Mapping[str, Sequence[Candidate]], texts: Mapping[str, str]) -> str:
    """Return a sentence with each split's latest time, and how many photos go by a later one of their group."""
    latest = {
        split: max((c.time or 0.0, texts[c.member]) for c in photos) for split, photos in chosen.items() if photos
    }
    spans = ", ".join(f"{split} up to {latest[split][1]}" for split in SPLITS if split in latest)
    border = latest["train"][0]
    early = sum((c.time or 0.0) <= border for split in ("validation", "test") for c in chosen[split])
    return f"split_by_time={column}: {spans}" + (
        f"; {early} earlier photos of validation and test are there with later ones of their groups" if early else ""
    )


def _cut(times: Sequence[float], share: float) -> float | None:
    """Return the time from which the latest photos are nearest to a share of all; None if all times are equal.

    >>> _cut([1, 2, 2, 3, 4], 0.2), _cut([1, 2, 2, 3, 4], 0.5), _cut([7, 7], 0.2)
    (4, 3, None)
    """
    starts = [place for place, (one, other) in enumerate(pairwise(times), 1) if one != other]
    wanted = len(times) * (1 - share)
    return times[min(starts, key=lambda place: (abs(place - wanted), -place))] if starts else None


def _parse_numbers(texts: Sequence[str], distinct: Sequence[str], column: str) -> list[float]:
    """Return the numbers, unless years are mixed with days, or seconds with milliseconds."""
    lengths = {len(text.partition(".")[0]) for text in distinct}
    for shorter, longer in ((4, 8), (10, 13)):
        if {shorter, longer} <= lengths:
            examples = [next(t for t in distinct if len(t.partition(".")[0]) == n) for n in (shorter, longer)]
            raise UserError(
                f"split_by_time={column}: {examples[0]} and {examples[1]} are not numbers of one kind (years and days, "
                "or seconds and thousandths); write dates like 2024-05-31"
            )
    return [float(text) for text in texts]


def _parse_iso(distinct: Sequence[str]) -> dict[str, float] | None:
    try:
        times = {text: datetime.fromisoformat(text) for text in distinct}
    except ValueError:
        return None
    if len({time.tzinfo is None for time in times.values()}) > 1:
        return None  # a time without a zone cannot be compared with one that has a zone
    return {text: (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() for text, time in times.items()}


def _parse_formats(distinct: Sequence[str]) -> list[dict[str, float]]:
    """Return the times by each of `FORMATS` that fits all texts."""
    readings = []
    for form in FORMATS:
        try:
            readings.append({text: datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() for text in distinct})
        except ValueError:
            continue
    return readings
