"""Read text tables: find the separator of the cells, and whether the first line is a header.

The photos decide both: the right separator is the one that yields a column of photo names.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from pawprint.labels.tabular.limits import EVIDENCE_ROWS, LONGEST_CELL, TableError
from pawprint.labels.tabular.matching import PhotoNames, has_photo_suffix
from pawprint.labels.tabular.sheet import Sheet, make_sheet

Cutter = Callable[[str], Iterator[list[str]]]
EVIDENCE_TEXT = 2**18
"""Characters of a text that are examined to find the separator."""


def _cut_csv(delimiter: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Cutter:
    def cut(text: str) -> Iterator[list[str]]:
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, skipinitialspace=delimiter != "\t"
        )
        return (row for row in reader if row)

    return cut


def _cut_lines(cut: Callable[[str], list[str]]) -> Cutter:
    return lambda text: (cut(line) for line in text.splitlines() if line.strip())


CUTTERS: tuple[Cutter, ...] = (
    *(_cut_csv(delimiter) for delimiter in ",;\t|"),
    *(_cut_csv(delimiter, csv.QUOTE_NONE) for delimiter in ",;\t"),
    _cut_lines(str.split),
    _cut_lines(lambda line: line.rsplit(None, 1)),  # names may contain spaces
    _cut_lines(lambda line: line.split(None, 1)),
)


def read_delimited(member: str, text: str, names: PhotoNames) -> Sheet | None:
    """Return the table in a text, or None if no separator yields a column of photo names.

    Raises:
        TableError: The table exceeds the limits, or is broken.
    """
    text, comments = _without_comments(text)
    sample = _sample(text)
    best: tuple[tuple[float, ...], Cutter] | None = None
    for cut in CUTTERS:
        evidence = _weigh(cut, sample, names)
        if evidence is not None and (best is None or evidence > best[0]):
            best = evidence, cut
    return None if best is None else read_rows(member, _guarded(best[1](text)), names, comments)


def read_rows(member: str, rows: Iterable[list[str]], names: PhotoNames, comments: Sequence[list[str]] = ()) -> Sheet:
    """Return the sheet of some rows, the first of which may be a header."""
    found = iter(rows)
    first = [row for row in islice(found, 3) if any(cell.strip() for cell in row)]
    if len(first) > 1 and len(first[0]) == 1 < len(first[1]) and first[0][0].strip().isdigit():
        del first[0]  # the number of rows, as in CelebA and DeepFashion
    header = None
    if first and is_header(first[0], names):
        header = first.pop(0)
        if first and len(header) == len(first[0]) - 1:
            header = ["image", *header]
    elif first:
        # Oxford's pets: "#Image CLASS-ID SPECIES BREED ID" above four columns.
        fitting = (words for words in comments if len(words) - len(first[0]) in {0, 1})
        header = next(fitting, None)
        if header is not None and len(header) > len(first[0]):
            header = [*header[:-2], " ".join(header[-2:])]
    return make_sheet(member, header, chain(first, found))


def is_header(first: list[str], names: PhotoNames) -> bool:
    """Return whether a line is a header: unlike the rows below, no cell names a photo or is a number."""
    cells = [cell.strip() for cell in first]
    if not any(cells[1:]) or any(len(cell) > LONGEST_CELL or has_photo_suffix(cell) for cell in cells):
        return False
    # Columns may be named 0, 1, 2 as in pandas, or 1 to 9 for nine classes; any other number is a value.
    numbers = [cell for cell in cells if _is_number(cell)]
    if numbers and (len(numbers) < 2 or numbers != [str(int(numbers[0] == "1") + at) for at in range(len(numbers))]):
        return False
    return not any(names.may_mean(cell) for cell in cells if cell not in numbers)


def _weigh(cut: Cutter, sample: str, names: PhotoNames) -> tuple[float, ...] | None:
    """Return a score of how well a separator fits a text, or None if it yields no photo names or only one column."""
    try:
        rows = list(islice(_guarded(cut(sample)), EVIDENCE_ROWS))
    except TableError:
        return None
    below = rows[2:] if len(rows) > 4 else rows  # a count and a header may be narrower
    if not below:
        return None
    width, usual = Counter(map(len, below)).most_common(1)[0]
    if width < 2:
        return None
    named = max(sum(names.may_mean(row[at]) for row in rows if len(row) > at) for at in range(min(width, 50)))
    if named == 0:
        return None
    return named / len(rows), usual / len(below)


def _sample(text: str) -> str:
    """Return whole lines from all parts of a text, since only some parts may name photos of this listing."""
    if len(text) <= EVIDENCE_TEXT:
        return text
    size = EVIDENCE_TEXT // 16
    pieces = [text[at : at + size] for at in range(0, len(text) - size, (len(text) - size) // 15)]
    return "\n".join(
        piece.rpartition("\n")[0] if first else piece.partition("\n")[2].rpartition("\n")[0]
        for first, piece in zip([True, *[False] * len(pieces)], pieces, strict=False)
    )


def _guarded(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise TableError(f"its lines are broken ({error})") from error


def _without_comments(text: str) -> tuple[str, list[list[str]]]:
    """Return a text without the `#` lines at its start, and the words of these lines: one may be the header."""
    comments = []
    while text.startswith("#"):
        line, _, text = text.partition("\n")
        comments.append([word for word in re.split(r"[,;\t ]+", line.lstrip("# ").rstrip()) if word])
    return text, comments


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?\d+([.,]\d+)?(e[-+]?\d+)?", cell, re.IGNORECASE) is not None
