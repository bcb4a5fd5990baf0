"""Read the tables among the files beside the photos."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from pawprint.archives.members import suffix_of
from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.labels.tabular.delimited import read_delimited, read_rows
from pawprint.labels.tabular.exports import find_exports
from pawprint.labels.tabular.limits import TableError
from pawprint.labels.tabular.matching import PhotoNames, cut_suffix, split_path
from pawprint.labels.tabular.records import find_records, load_json, load_lines
from pawprint.labels.tabular.sheet import Sheet
from pawprint.labels.tabular.split_words import find_split
from pawprint.labels.tabular.text import decode_text

TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".txt", ".data", ".lst", ".list", ".dat", ""})
TABLE_SUFFIXES = TEXT_SUFFIXES | {".json", ".jsonl", ".ndjson", ".parquet", ".mat"}
MOST_TABLES = 2000
"""Tables that are read: two (one for each split) in a thousand class folders. A text per photo is no table."""


def likely_tables(companions: Sequence[str], photos: Sequence[str]) -> list[str]:
    """Return the companions that may be tables of several photos, those nearest to the top first."""
    stems = {cut_suffix(split_path(photo)[-1])[0] for photo in photos if split_path(photo)}
    likely = [
        member
        for member in companions
        if (path := PurePosixPath(member)).suffix.lower() in TABLE_SUFFIXES
        and not (path.stem in stems and path.suffix.lower() in {".txt", ".json"})
    ]
    return sorted(likely, key=lambda member: (member.count("/"), member))[:MOST_TABLES]


def read_sheets(member: str, read: Callable[[str], bytes], names: PhotoNames) -> Iterator[Sheet]:
    """Yield each table in a file.

    Raises:
        TableError: The file is broken, or exceeds the limits.
    """
    try:
        data = read(member)
    except (UserError, UnreadableMemberError) as error:
        raise TableError(str(error)) from error
    suffix = suffix_of(member)
    try:
        if suffix == ".json":
            yield from _of_json(member, load_json(decode_text(data)))
        elif suffix in {".jsonl", ".ndjson"}:
            yield from _of_json(member, load_lines(decode_text(data)))
        elif suffix == ".parquet":
            from pawprint.labels.tabular.columnar import read_parquet

            yield read_parquet(member, data)
        elif (sheet := read_delimited(member, decode_text(data), names)) is not None:
            yield sheet
    except (RecursionError, MemoryError) as error:
        raise TableError("it is nested too deep or too large") from error


def _of_json(member: str, content: Any) -> Iterator[Sheet]:
    exports = list(find_exports(member, content))
    yield from exports or find_records(member, content)


def read_name_list(member: str, read: Callable[[str], bytes], names: PhotoNames) -> Sheet | None:
    """Return the table of a file that only lists photos, one in each line, as lists of a split do; or None.

    The split of such a list is in its own name: `test.txt`.
    """
    path = PurePosixPath(member)
    if path.suffix.lower() not in TEXT_SUFFIXES or find_split(path.name) is None:
        return None
    try:
        lines = [line for line in decode_text(read(member)).splitlines() if line.strip()]
        return read_rows(member, ([line] for line in lines), names) if lines else None
    except (UserError, UnreadableMemberError, TableError):
        return None
