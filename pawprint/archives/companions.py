"""Companions: files beside the photos that may hold their labels, such as tables, index files and annotations."""

import re
from pathlib import PurePosixPath

from pawprint.archives.limits import LARGEST_NOTE, LARGEST_TABLE
from pawprint.archives.members import is_litter, suffix_of

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json"})
"""Tables: one may describe every photo, or even contain the photos of a whole dataset (Parquet)."""
NOTE_SUFFIXES = frozenset({".txt", ".cls", ".xml", ".yaml", ".yml", ".mat", ".xlsx", ".xls", ".names", ".lst", ".tab"})
COMPANION_SUFFIXES = TABLE_SUFFIXES | NOTE_SUFFIXES

# Documentation for people, which no reader opens. Without it, a folder still packs to the same bytes after an edit.
FOR_PEOPLE = re.compile(
    r"(read.?me|licen[cs]e|copying|notice|notes?|changelog|changes|authors|citation|cite|about|requirements)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def is_companion(member: str) -> bool:
    """Return whether a member may describe the photos, judging by its name.

    >>> is_companion("train.csv"), is_companion("README.txt"), is_companion("cats/1.jpg"), is_companion(".x/a.csv")
    (True, False, False, False)
    """
    if suffix_of(member) not in COMPANION_SUFFIXES:
        return False
    return not FOR_PEOPLE.fullmatch(PurePosixPath(member.replace("\\", "/")).stem) and not is_litter(member)


def largest_companion(member: str) -> int:
    """Return the largest size, in bytes, at which a companion is read."""
    return LARGEST_TABLE if suffix_of(member) in TABLE_SUFFIXES else LARGEST_NOTE
