"""Write CSV that no spreadsheet runs, and read it back.

A spreadsheet takes a cell that begins with = + - or @ for a formula, whatever the file says of quoting. So such text
is written after an apostrophe, as OWASP's *CSV Injection* advises, and numbers are written as they are. Text that would
look like that itself gets one more apostrophe, so that each text is read back as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def disarm(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula.

    >>> disarm("=cmd()"), disarm("-0.5"), disarm("'=x"), disarm(-0.5), disarm("a=b")
    ("'=cmd()", '-0.5', "''=x", -0.5, 'a=b')
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _is_number(cell) else cell


def rearm(cell: str) -> str:
    """Return the text that `disarm` was given.

    >>> rearm("'=cmd()"), rearm("''=x"), rearm("-0.5"), rearm("'quoted'")
    ('=cmd()', "'=x", '-0.5', "'quoted'")
    """
    return cell[1:] if _ESCAPED.match(cell) else cell


class TableWriter:
    """Writes rows as `csv.writer` does, every cell disarmed, lines ended by a newline."""

    def __init__(self, file: io.TextIOBase | io.StringIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def writerow(self, row: Iterable[object]) -> None:
        """Write a row."""
        cells = [disarm(cell) for cell in row]
        # Python quotes a carriage return only where it ends lines, but reads it as an end anyway.
        broken = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (self._quoting if broken else self._writer).writerow(cells)

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write rows."""
        for row in rows:
            self.writerow(row)


def read_rows(file: Iterable[str], delimiter: str = ",") -> Iterator[list[str]]:
    """Yield the rows that `TableWriter` wrote.

    Raises:
        csv.Error: it is no CSV.
    """
    for row in csv.reader(file, delimiter=delimiter):
        yield [rearm(cell) for cell in row]


def read_dicts(file: Iterable[str], delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield the rows that `TableWriter` wrote, by the names in the first, with "" for what a short row lacks."""
    rows = read_rows(file, delimiter)
    header = next(rows, [])
    for row in rows:
        if row:
            yield dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE) is not None
