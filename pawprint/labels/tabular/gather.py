"""Collect the rosters of a listing: all tables, index files and exports that name its photos."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from pawprint.archives.members import suffix_of
from pawprint.labels.readings import Listing
from pawprint.labels.tabular.indexes import find_mat_tables, join_by_id
from pawprint.labels.tabular.limits import TableError
from pawprint.labels.tabular.matching import PhotoNames
from pawprint.labels.tabular.roster import Roster, find_roster
from pawprint.labels.tabular.sheet import Sheet
from pawprint.labels.tabular.sheets import likely_tables, read_name_list, read_sheets

SUBMISSION = re.compile(r"(.*[_-])?(sample[_-]?)?(submissions?|sub)([_-].*)?", re.IGNORECASE)
CLEARLY_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".parquet"})


def is_form(member: str) -> bool:
    """Return whether a table is a form to fill in, such as a sample submission, whose labels mean nothing.

    >>> is_form("sample_submission.csv"), is_form("train.csv")
    (True, False)
    """
    return SUBMISSION.fullmatch(PurePosixPath(member).stem) is not None


def gather_sheets(
    listing: Listing, members: Sequence[str], names: PhotoNames, fail: Callable[[str, TableError], None]
) -> Iterator[Sheet]:
    """Yield each table in some files.

    Args:
        listing: The content of the source.
        members: The files.
        names: The photos of the listing.
        fail: Called with a file that cannot be read, and the error.
    """
    for member in members:
        if member.lower().endswith(".mat"):
            continue
        try:
            for sheet in read_sheets(member, listing.read, names):
                yield join_by_id(sheet, listing.companions, listing.read) or sheet
        except TableError as error:
            fail(member, error)
    if any(member.lower().endswith(".mat") for member in members):
        for sheet in find_mat_tables(listing.companions, listing.read, names):
            if sheet.member in members:
                yield sheet


def gather_rosters(listing: Listing, names: PhotoNames, remarks: list[str]) -> list[Roster]:
    """Return the rosters of a listing; add to the remarks why a table cannot be read."""

    def fail(member: str, error: TableError) -> None:
        if suffix_of(member) in CLEARLY_TABLES:
            remarks.append(f"{member} is not read as a table: {error}")

    tables = [member for member in likely_tables(listing.companions, listing.photos) if not is_form(member)]
    sheets = gather_sheets(listing, tables, names, fail)
    rosters = [roster for sheet in sheets if (roster := find_roster(sheet, names)) is not None]
    known = {member for roster in rosters for member in roster.members}
    # A list that contains only names can mean a split, if the file's name says which.
    for member in tables:
        listed = None if member in known else read_name_list(member, listing.read, names)
        if listed is not None and (roster := find_roster(listed, names)) is not None:
            rosters.append(roster)
    return _with_headers(rosters)


def _with_headers(rosters: Sequence[Roster]) -> list[Roster]:
    """Return the rosters; one without a header whose rows repeat another's is a list of its split, and gets its header.

    For example, Oxford's `trainval.txt` and `test.txt`, without a header, repeat rows of `list.txt`.
    """
    headed = [roster for roster in rosters if roster.named]
    found = []
    for roster in rosters:
        whole = None if roster.named else next((other for other in headed if _repeats(roster, other)), None)
        found.append(roster if whole is None else replace(roster, header=whole.header, named=True))
    return found


def _repeats(roster: Roster, other: Roster) -> bool:
    known = {row.cells for row in other.rows}
    return bool(roster.rows) and all(row.cells in known for row in roster.rows)
