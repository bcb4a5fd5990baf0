"""What a person saw at the console, as text: redrawn lines as they were last, nothing secret, not too long."""

import codecs
import re
from collections import deque

from pawprint.photos.secrets import hide_secrets

MAX_CHARACTERS = 1_000_000
"""Kept of a transcript; the middle goes first."""
_ROWS = 100
"""Lines up to which something may still be redrawn: more progress bars than that are not shown at once."""

_CONTROL = re.compile(r"(\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\[\]]|[\n\r\b])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*|\][^\x07\x1b]*)?\Z")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Transcript:
    """Takes what is written to a terminal or a pipe, piece by piece, and remembers what it came to.

    Args:
        limit: characters that are kept.
    """

    def __init__(self, limit: int = MAX_CHARACTERS) -> None:
        self._half = limit // 2
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._pending = ""
        self._rows = [""]
        self._row = self._column = 0
        self._head: list[str] = []
        self._head_size = self._tail_size = self._cut = 0
        self._tail: deque[str] = deque()

    def feed(self, data: bytes) -> None:
        """Take what was written next."""
        text = self._pending + self._decode(data)
        unfinished = _UNFINISHED.search(text)
        self._pending = unfinished.group() if unfinished else ""
        for part in _CONTROL.split(text[: len(text) - len(self._pending)]):
            if part:
                self._take(part)

    def text(self) -> str:
        """Return what a person saw, each line as it was last."""
        lines = [*self._tail, *self._rows]
        while lines and not lines[-1].strip():
            lines.pop()
        cut = [f"[{self._cut} characters are left out here]"] if self._cut else []
        return "".join(f"{hide_secrets(line.rstrip())}\n" for line in [*self._head, *cut, *lines])

    def _take(self, part: str) -> None:
        if part == "\n":
            self._move(1)
            self._column = 0
        elif part == "\r":
            self._column = 0
        elif part == "\b":
            self._column = max(0, self._column - 1)
        elif part.startswith("\x1b"):
            self._obey(part)
        else:
            part = _UNSEEN.sub("", part)
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = row[: self._column] + part + row[self._column + len(part) :]
            self._column += len(part)

    def _obey(self, sequence: str) -> None:
        """Follow the sequences that progress bars redraw by; what only colours is passed over."""
        number = re.match(r"\x1b\[(\d*)", sequence)
        amount = max(1, int(number.group(1) or 1)) if number else 1
        row = self._rows[self._row]
        match sequence[-1]:
            case "A":
                self._move(-amount)
            case "B":
                self._move(amount)
            case "K":
                whole = sequence.endswith("2K")
                self._rows[self._row] = "" if whole else row[: self._column]
            case "C":
                self._column += amount
            case "D":
                self._column = max(0, self._column - amount)
            case "G":
                self._column = amount - 1

    def _move(self, rows: int) -> None:
        self._row = max(0, self._row + rows)
        while self._row >= len(self._rows):
            self._rows.append("")
        while len(self._rows) > _ROWS:
            self._settle(self._rows.pop(0))
            self._row -= 1

    def _settle(self, line: str) -> None:
        """Keep a line that is redrawn no more."""
        size = len(line) + 1
        if not self._tail and self._head_size + size <= self._half:
            self._head.append(line)
            self._head_size += size
            return
        self._tail.append(line)
        self._tail_size += size
        while self._tail_size > self._half:
            gone = len(self._tail.popleft()) + 1
            self._tail_size -= gone
            self._cut += gone
