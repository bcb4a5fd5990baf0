"""Corrections of labels, as people save them from review.html: read the files, and find where they disagree.

A row names a photo by the sha256 of its file, so it survives renaming, and another archive of the same photos.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

from pawprint.base.errors import UserError
from pawprint.base.tables import TableWriter, read_dicts

COLUMNS = ("digest", "name", "action", "old_label", "new_label", "reason", "reviewer", "time", "run")
"""The columns of corrections.csv; others are not read."""
NEEDED = ("digest", "action", "old_label", "new_label")
LABEL, LEAVE_OUT, KEEP = "label", "leave_out", "keep"
"""The actions: another label, no use of the photo, and the label confirmed."""
MOST_BYTES, MOST_ROWS = 200 * 2**20, 500_000
_MOST_PEOPLE = 5
LONGEST = 200
"""Longest label in characters."""
DISAGREE, UNUSED = "reviewers disagree", "the photo is not among those used"
"""What becomes of a row, beside what the modules say that apply it."""
WINS, AND = ">", ","
"""`a.csv>b.csv`: where both name a photo, a.csv counts. `a.csv,b.csv`: both do, and disagreements are not applied."""


@dataclass(frozen=True)
class Correction:
    """A row of corrections.csv."""

    digest: str
    """sha256 of the photo's file."""
    name: str
    action: str
    old_label: str
    """The label in the photos' source, not an earlier correction; "" for a photo that has none yet."""
    new_label: str
    """"" unless the action is `label`."""
    reason: str = ""
    reviewer: str = ""
    time: str = ""
    run: str = ""
    """The main run whose review.html the row was made in."""

    @property
    def decision(self) -> str | None:
        """The label that the photo should have; None if it should not be used."""
        return {LABEL: self.new_label, KEEP: self.old_label}.get(self.action)


def list_sources(value: str) -> list[list[str]]:
    """Return the files or URIs of a parameter, those that win first.

    Raises:
        UserError: there is nothing between two signs.

    >>> list_sources("anna.csv>ben.csv, runs:/0/corrections.csv"), list_sources("")
    ([['anna.csv'], ['ben.csv', 'runs:/0/corrections.csv']], [])
    """
    if not value.strip():
        return []
    ranks = [[source.strip() for source in rank.split(AND)] for rank in value.split(WINS)]
    if not all(all(rank) for rank in ranks):
        raise UserError(f"corrections={value} names nothing at one place; expected a.csv, a.csv,b.csv or a.csv>b.csv")
    return ranks


def check_corrections(value: str) -> None:
    """Check that what the parameter names can be there.

    Raises:
        UserError: a local file is missing.
    """
    for source in (source for rank in list_sources(value) for source in rank):
        if source.startswith("runs:/"):
            if not re.fullmatch(r"runs:/+[^/]+/.+", source):
                raise UserError(f"{source} is incomplete; expected runs:/<run id>/<path>/corrections.csv")
        elif not Path(source).expanduser().is_file():
            near = "" if Path(source).expanduser().is_absolute() else f" in {Path.cwd()}; give an absolute path"
            raise UserError(f"corrections: {source!r} is no file{near or '; expected one that review.html has saved'}")


def read_corrections(path: Path, source: str) -> list[Correction]:
    """Read a file.

    Args:
        path: the file.
        source: what the user calls it, for messages.

    Raises:
        UserError: it is too large, or no corrections.csv.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise UserError(f"{source} has {size:,} bytes; expected a corrections.csv of at most {MOST_BYTES:,}")
    try:
        # A spreadsheet adds a byte-order mark, and in some countries separates by semicolons.
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = ";" if first.count(";") > first.count(",") else ","
            rows = read_dicts(file, delimiter=delimiter)
            found = [_read_row(row, source, number) for number, row in enumerate(islice(rows, MOST_ROWS + 1), 2)]
            if not found and (missing := set(NEEDED) - set(next(csv.reader([first], delimiter=delimiter), []))):
                raise _missing(source, missing)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{source} is no table in UTF-8 ({error}); expected what review.html has saved") from error
    if len(found) > MOST_ROWS:
        raise UserError(f"{source} has more than {MOST_ROWS:,} rows; expected one for each corrected photo")
    return found


def merge_corrections(ranks: Sequence[Iterable[Correction]]) -> list[Correction]:
    """Return the rows that count: of the photos that several ranks name, those of the first of these.

    >>> anna, ben = (Correction("0" * 64, "a.jpg", "label", "cats", new) for new in ("dogs", "foxes"))
    >>> [row.new_label for row in merge_corrections([[anna], [ben]])]
    ['dogs']
    """
    rank_of: dict[str, int] = {}
    rows: dict[Correction, None] = {}
    for rank, corrections in enumerate(ranks):
        for row in corrections:
            if rank_of.setdefault(row.digest, rank) == rank:
                rows[row] = None
    return sorted(rows, key=lambda row: (row.digest, *astuple(row)))


def group_by_photo(rows: Iterable[Correction]) -> dict[str, list[Correction]]:
    """Return the rows by the digest of their photo."""
    grouped: dict[str, list[Correction]] = defaultdict(list)
    for row in rows:
        grouped[row.digest].append(row)
    return grouped


def name_disagreement(same: Sequence[Correction]) -> str:
    """Return who says what of a photo, as an outcome; "" if all agree."""
    if len({one.decision for one in same}) == 1:
        return ""
    said = sorted({f"{one.reviewer or 'somebody'}: {one.decision or LEAVE_OUT}" for one in same})
    return f"{DISAGREE} ({'; '.join(said)})"


def write_corrections(rows: Iterable[tuple[Correction, str]], path: Path) -> None:
    """Write rows, if there are any, each with what became of it; `read_corrections` reads them again."""
    rows = list(rows)
    if not rows:
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow([*COLUMNS, "outcome"])
        writer.writerows([*astuple(row), outcome] for row, outcome in rows)


def _read_row(row: dict[str, str], source: str, line: int) -> Correction:
    if missing := set(NEEDED) - set(row):
        raise _missing(source, missing)
    values = {name: row.get(name, "").strip()[: 5 * LONGEST] for name in COLUMNS}
    values["digest"] = values["digest"].lower()
    # These are shown in many places, and rest on nobody's word: what looks like none is dropped.
    values["reviewer"] = values["reviewer"][:LONGEST]
    for name, pattern in (("time", r"\d{4}-\d\d-\d\d[\dTZ:.+ -]{0,30}"), ("run", r"[0-9a-f]{32}")):
        values[name] = values[name] if re.fullmatch(pattern, values[name]) else ""
    problem = ""
    if not re.fullmatch(r"[0-9a-f]{64}", values["digest"]):
        problem = f"{values['digest'][:80]!r} is no sha256 of a photo"
    elif values["action"] not in {LABEL, LEAVE_OUT, KEEP}:
        problem = f"the action is {values['action'][:80]!r}; expected {LABEL}, {LEAVE_OUT} or {KEEP}"
    elif values["action"] == KEEP and not values["old_label"]:
        problem = "the old label is empty, so there is none to keep"
    elif bool(values["new_label"]) != (values["action"] == LABEL):
        problem = f"a new label goes with the action {LABEL}, and with no other"
    elif len(values["new_label"]) > LONGEST or not values["new_label"].isprintable():
        problem = f"the new label has more than {LONGEST} characters, or some that can't be printed"
    if problem:
        raise UserError(f"{source}, row {line}: {problem}")
    return Correction(**values)


def _missing(source: str, missing: set[str]) -> UserError:
    return UserError(
        f"{source} lacks the column{'s' * (len(missing) > 1)} {', '.join(sorted(missing))}; expected what review.html "
        f"has saved: {', '.join(COLUMNS)}"
    )


def name_people(rows: Iterable[Correction]) -> Iterator[str]:
    """Yield each reviewer with the number of rows, the busiest first."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.reviewer or "somebody unnamed"] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    yield from (f"{name} ({number})" for name, number in ordered[:_MOST_PEOPLE])
    if len(ordered) > _MOST_PEOPLE:
        yield f"{len(ordered) - _MOST_PEOPLE} more"
