"""Copy the console output of main and its steps, line by line, to one file that all of them append to.

Each process wraps its own `sys.stdout` and `sys.stderr`. The streams behind them are unchanged, so a progress bar still
finds its terminal, and a pipe stays a pipe; output that a library writes without Python is not copied. If the reader of
the output ends, the run continues.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from pawprint.base.secrets import hide_secrets

MAX_CHARACTERS = 1_000_000
"""Longest log in characters; of a longer one the middle is left out."""
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\[\]]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_UP = "\x1b[A"


@contextmanager
def tee_console(path: Path) -> Iterator[None]:
    """Append the console output of this process to a file, line by line, during the block."""
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
    """Return the console output with secrets hidden; of a long text only the beginning and the end."""
    lines = path.read_text("utf-8", "replace").splitlines(keepends=True)
    head, tail = _take(lines, limit // 2), _take(lines[::-1], limit // 2)[::-1]
    if len(head) + len(tail) < len(lines):
        left_out = sum(map(len, lines[len(head) : len(lines) - len(tail)]))
        lines = [*head, f"[{left_out} characters are left out here]\n", *tail]
    return "".join(map(hide_secrets, lines))


def last_state(line: str) -> str | None:
    r"""Return the last state of a line, which a progress bar overwrites; None for a line of several progress bars.

    >>> last_state("bar:  10%\rbar: 100%"), last_state("bar: 10%\r        \rdone"), last_state("\x1b[31mred\x1b[0m")
    ('bar: 100%', 'done', 'red')
    """
    if _UP in line:  # one of several progress bars below each other
        return None
    states = _CONTROL.sub("", line).split("\r")
    return next((state for state in reversed(states) if state), "").rstrip()  # a bar clears its line with blanks


def _take(lines: list[str], room: int) -> list[str]:
    taken = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        taken.append(line)
    return taken


class _Tee:
    """A stream whose complete lines are also appended to a file."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        self._stream, self._path, self._begun = stream, path, ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write to the stream and the file."""
        *lines, self._begun = (self._begun + text).split("\n")
        self._keep(lines)
        with suppress(OSError):  # the reader has ended
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; the file is always flushed."""
        with suppress(OSError, ValueError):  # the reader has ended, or the stream is closed
            self._stream.flush()

    def finish(self) -> None:
        """Append a last line without a line break."""
        last, self._begun = self._begun, ""
        self._keep([last] if last_state(last) else [])

    def _keep(self, lines: list[str]) -> None:
        states = [state for line in lines if (state := last_state(line)) is not None]
        if states:
            with suppress(OSError), self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("".join(f"{state}\n" for state in states))
