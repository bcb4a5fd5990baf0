"""What main and its steps say at the console, kept line by line as it comes, in one file that each of them appends to.

Each process puts a copy beside its own `sys.stdout` and `sys.stderr`; the streams themselves stay as they are, so a bar
knows its terminal, a pipe stays a pipe, and what a library writes past Python is not kept. A reader that goes away ends
no run.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from pawprint.base.secrets import hide_secrets

MAX_CHARACTERS = 1_000_000
"""Kept of what was said; the middle goes first."""
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\[\]]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_UP = "\x1b[A"


@contextmanager
def tee_console(path: Path) -> Iterator[None]:
    """Append what this process says at the console to a file, line by line, while the block runs."""
    streams = sys.stdout, sys.stderr
    copies = [_Tee(stream, path) for stream in streams]
    sys.stdout, sys.stderr = copies
    try:
        yield
    finally:
        for copy in copies:
            copy.flush()
            copy.finish()
        sys.stdout, sys.stderr = streams


def read_console(path: Path, limit: int = MAX_CHARACTERS) -> str:
    """Return what was said: nothing secret, and of a long text its beginning and its end."""
    lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    head, tail = _take(lines, limit // 2), _take(lines[::-1], limit // 2)[::-1]
    if len(head) + len(tail) < len(lines):
        left_out = sum(map(len, lines[len(head) : len(lines) - len(tail)]))
        lines = [*head, f"[{left_out} characters are left out here]\n", *tail]
    return "".join(map(hide_secrets, lines))


def last_state(line: str) -> str | None:
    r"""Return what a line came to, of one that was drawn again and again the last; None of one that is drawn elsewhere.

    >>> last_state("bar:  10%\rbar: 100%"), last_state("bar: 10%\r        \rdone"), last_state("\x1b[31mred\x1b[0m")
    ('bar: 100%', 'done', 'red')
    """
    if _UP in line:  # one of several bars below each other
        return None
    states = _CONTROL.sub("", line).split("\r")
    return next((state for state in reversed(states) if state), "").rstrip()  # blanks wipe out what was there


def _take(lines: list[str], room: int) -> list[str]:
    taken = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        taken.append(line)
    return taken


class _Tee:
    """A stream, and beside it the file that gets each whole line."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream, self._path, self._begun = stream, path, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write to both."""
        *lines, self._begun = (self._begun + text).split("\n")
        self._keep(lines)
        with suppress(OSError):  # nobody reads it any more
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; the file always is."""
        with suppress(OSError, ValueError):  # nobody reads it, or it is closed
            self._stream.flush()

    def finish(self) -> None:
        """Keep a last line that has no end."""
        last, self._begun = self._begun, ""
        self._keep([last] if last_state(last) else [])

    def _keep(self, lines: list[str]) -> None:
        states = [state for line in lines if (state := last_state(line)) is not None]
        if states:
            with suppress(OSError), self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("".join(f"{state}\n" for state in states))
