"""Text with a row a line: which sign stands between the cells, and whether the first line names the columns.

Both are decided by the photos: cells are cut right where one column of them names photos.
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
"""Characters from which the sign between the cells is told."""


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
    _cut_lines(lambda line: line.rsplit(None, 1)),  # names may hold spaces
    _cut_lines(lambda line: line.split(None, 1)),
)


def read_delimited(member: str, text: str, names: PhotoNames) -> Sheet | None:
    """Return the table in a text, or None where no column of it names photos, however it is cut.

    Raises:
        TableError: Larger than what is read, or broken.
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
    """Return the sheet of rows of which the first may be a header."""
    found = iter(rows)
    first = [row for row in islice(found, 3) if any(cell.strip() for cell in row)]
    if len(first) > 1 and len(first[0]) == 1 < len(first[1]) and first[0][0].strip().isdigit():
        del first[0]  # a line with the number of rows, as in CelebA and DeepFashion
    header = None
    if first and is_header(first[0], names):
        header = first.pop(0)
        if first and len(header) == len(first[0]) - 1:
            header = ["image", *header]
    elif first:
        # Oxford's pets: "#Image CLASS-ID SPECIES BREED ID" over four columns.
        fitting = (words for words in comments if len(words) - len(first[0]) in {0, 1})
        header = next(fitting, None)
        if header is not None and len(header) > len(first[0]):
            header = [*header[:-2], " ".join(header[-2:])]
    return make_sheet(member, header, chain(first, found))


def is_header(first: list[str], names: PhotoNames) -> bool:
    """Return whether a line names columns: no cell of it names a photo or is a number, as cells below it do."""
    cells = [cell.strip() for cell in first]
    if not any(cells[1:]) or any(len(cell) > LONGEST_CELL or has_photo_suffix(cell) for cell in cells):
        return False
    # Columns may be called 0, 1, 2 as pandas does, or 1 to 9 for nine classes; any other number is a cell's.
    numbers = [cell for cell in cells if _is_number(cell)]
    if numbers and (len(numbers) < 2 or numbers != [str(int(numbers[0] == "1") + at) for at in range(len(numbers))]):
        return False
    return not any(names.may_mean(cell) for cell in cells if cell not in numbers)


def _weigh(cut: Cutter, sample: str, names: PhotoNames) -> tuple[float, ...] | None:
    """Return how well a way to cut explains a text, or None where it names no photo or leaves one column."""
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
    """Return whole lines from all over a text, since photos may have been kept for any part of it."""
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
    """Return a text without its first lines that begin with #, and their words: one may name the columns."""
    comments = []
    while text.startswith("#"):
        line, _, text = text.partition("\n")
        comments.append([word for word in re.split(r"[,;\t ]+", line.lstrip("# ").rstrip()) if word])
    return text, comments


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+]?\d+([.,]\d+)?(e[-+]?\d+)?", cell, re.IGNORECASE) is not None
