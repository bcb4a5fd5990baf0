"""`group`: photos of the same patient, animal, session or scene, which must stay on one side of the split.

The groups come from a column of the photos' table, a regular expression on their names, or `burst`: one camera within
seconds.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from pawprint.base.errors import UserError
from pawprint.dataset.exif import BURST_SECONDS, Taken, find_bursts
from pawprint.dataset.splits import Candidate, LeftOut, join_groups

BURST = "burst"


def read_groups(
    group: str,
    members: Mapping[str, str],
    columns: Sequence[str],
    values: Mapping[str, Sequence[str]],
    taken: Mapping[str, Taken],
) -> dict[str, str]:
    """Return the group of each photo that has one.

    Args:
        group: A column's name, a regular expression, or `burst`.
        members: The photos, at least one: the path in its archive, by name.
        columns: Names of the table's columns; () without a table.
        values: Each photo's values in the table, in the order of the columns.
        taken: When and by what camera photos were taken, if known; used for `burst` only.

    Raises:
        UserError: It is neither a column nor a regular expression that matches, or all photos are in one group.
    """
    if group in columns:
        place = columns.index(group)
        found = {member: value for member in members if (value := values[member][place].strip())}
        if not found:
            raise UserError(f"group={group}: the column {group!r} of the table is empty for all photos")
    elif group == BURST:
        found = find_bursts({member: taken[member] for member in members if member in taken})
        if not found:
            raise UserError(
                f"group={BURST}: no two photos say (in EXIF) that one camera took them within {BURST_SECONDS} seconds; "
                "leave group empty, or name a column or a regular expression"
            )
    else:
        found = _search_names(group, members, columns)
    if len(found) == len(members) and len(set(found.values())) == 1:
        raise UserError(
            f"group={group} makes one group, {next(iter(found.values()))!r}, of all {len(members)} photos, which can't "
            "be divided; expected what differs from patient to patient, or scene to scene" + describe_columns(columns)
        )
    return found


def match_name(pattern: re.Pattern[str], member: str) -> str | None:
    r"""Return what a regular expression finds in a photo's file name, or else in its whole path; None if no match.

    The result is the group named `group`, else the first group, else the whole match.

    >>> match_name(re.compile(r"^(P\d+)_"), "cats/P12_003.jpg")
    'P12'
    >>> match_name(re.compile(r"patient\d+"), "patient07/study1_positive/2.png")
    'patient07'
    """
    match = pattern.search(member.rsplit("/", 1)[-1]) or pattern.search(member)
    if match is None:
        return None
    if "group" in pattern.groupindex:
        return match["group"] or None
    return match[1 if pattern.groups else 0] or None


def describe_columns(columns: Sequence[str]) -> str:
    """Return the end of an error message: the table's columns, if there are any."""
    return f"; the table has the columns {', '.join(columns)}" if columns else ""


def guess_column(name: str, columns: Sequence[str]) -> str:
    """Return a question that suggests a column with a similar name, after a space; "" if there is none.

    >>> guess_column("lesion", ["lesion_id", "age"])
    ' (did you mean lesion_id?)'
    """
    lower = {column.lower(): column for column in columns}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f" (did you mean {lower[close[0]]}?)" if close else ""


def describe_groups(group: str, candidates: Sequence[Candidate]) -> str:
    """Return a sentence with the number of groups, their sizes, and the number of photos without one."""
    sizes = Counter(c.group for c in candidates if c.group is not None)
    largest, number = max(sizes.items(), key=lambda item: (item[1], item[0]))
    alone = sum(c.group is None for c in candidates)
    return (
        f"group={group}: {sum(sizes.values())} photos in {len(sizes)} groups, none of which stands on two sides of the "
        f"split; the largest, {largest!r}, has {number}"
        + (f"; {alone} photos have no group, and each counts as its own" if alone else "")
    )


def explain_group_left_out(
    candidates: Sequence[Candidate], chosen: Mapping[str, Sequence[Candidate]], groups: Iterable[Iterable[str]]
) -> list[LeftOut]:
    """Return the photos that are not used because others of their group are in the test or in validation.

    Args:
        candidates: The photos given to `assign_splits`.
        chosen: Its result.
        groups: The members of each group of near duplicates, which may connect groups.

    Returns:
        The photos, sorted by member name.
    """
    unit_of = join_groups(candidates, [frozenset(members) for members in groups])
    split_of = {c.member: split for split, photos in chosen.items() for c in photos}
    keepers: dict[int, Candidate] = {}
    for split in ("validation", "test"):  # the test comes last because it decides if folders divide a group
        for c in sorted(chosen.get(split, ()), key=lambda c: c.member, reverse=True):
            keepers[unit_of[c.member]] = c
    left_out = []
    for c in candidates:
        keeper = keepers.get(unit_of[c.member])
        if c.group is not None and keeper is not None and c.member not in split_of:
            split = split_of[keeper.member]
            if c.named_split != split:
                left_out.append(LeftOut(c.member, f"of the group {c.group!r}, which is in {split} ({keeper.member})"))
    return sorted(left_out, key=lambda left: left.member)


def _search_names(group: str, members: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    no_column = f"group={group} is no column of the table" if columns else f"group={group}: there is no table"
    no_column += guess_column(group, columns)
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise UserError(
            f"{no_column}, and as a regular expression it is faulty ({error})" + describe_columns(columns)
        ) from None
    found = {name: value for name, path in members.items() if (value := match_name(pattern, path)) is not None}
    if not found:
        examples = ", ".join(islice(members, 3))
        raise UserError(
            f"{no_column}, and as a regular expression it finds nothing in the names (such as {examples})"
            + describe_columns(columns)
        )
    return found
