"""A download on its way: a file in the cache that grows, and a note of what it is part of.

Both outlive the process, so that one that was killed goes on where it was.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pawprint.base.files import write_beside
from pawprint.fetch.errors import BrokeOffError
from pawprint.fetch.streams import Resume, Stream

LOG = logging.getLogger(__name__)

SUFFIX = ".partial"
OVERLAP_BYTES = 1024
"""So many bytes are asked for again, to be compared: a server may give the rest of another file than it says."""

LASTS_SECONDS = 7 * 24 * 3600.0


class Partial:
    """The part of a file that has come.

    Attributes:
        path: Where its bytes are.
        furthest: How far this process has come with it, in the best of its tries. Bytes that come again, because the
            sender can only begin anew, are no progress.
        resumed: True if they came in more than one transfer.
        version: What the sender told of the file's version.
        digest: The algorithm and the hexadecimal digest of the whole, where the sender tells them.
        num_bytes: How many the whole has, where the sender tells.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + SUFFIX)
        self._note = path.with_name(path.name + SUFFIX + ".json")
        self.furthest = 0
        self.resumed = False
        self.version: str | None = None
        self.digest: tuple[str, str] | None = None
        self.num_bytes: int | None = None

    @property
    def size(self) -> int:
        """How many bytes are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def find_resume(self) -> Resume | None:
        """Return where a transfer can go on, or None where it has to begin anew."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            mark, num_bytes = str(note["mark"]), note["num_bytes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        start = self.size - OVERLAP_BYTES
        return Resume(start, mark, num_bytes) if start > 0 else None

    def write(self, stream: Stream, told: Callable[[int], None]) -> None:
        """Write what a stream gives where it belongs.

        Args:
            stream: The whole file, or its rest.
            told: Called with the number of bytes of each piece; what it raises ends the transfer.

        Raises:
            BrokeOffError: The stream does, or does not fit to what is there, which is then dropped.
        """
        self.version, self.digest, self.num_bytes = stream.version, stream.digest, stream.num_bytes
        self.resumed = stream.start > 0
        if not self.resumed:
            self.discard()
            if stream.mark is not None:
                _write_note(self._note, {"mark": stream.mark, "num_bytes": stream.num_bytes})
        with self.path.open("r+b" if self.resumed else "wb") as file:
            file.seek(stream.start)
            known = file.read() if self.resumed else b""
            for pieces in ([stream.head], stream.rest):
                for piece in pieces:
                    if known:
                        piece, known = self._compare(piece, known)  # noqa: PLW2901 - only the rest is new
                    file.write(piece)
                    self.furthest = max(self.furthest, file.tell())
                    told(len(piece))
                    if stream.num_bytes is not None and file.tell() > stream.num_bytes:
                        self.discard()
                        raise BrokeOffError("more bytes came than were announced")
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Drop what has come."""
        for path in (self._note, self.path):
            path.unlink(missing_ok=True)

    def keep_if_resumable(self) -> None:
        """Drop what has come if its rest can't be asked for."""
        if self.find_resume() is None:
            self.discard()

    def move(self, path: Path) -> None:
        """Make it the whole file."""
        self.path.replace(path)
        self._note.unlink(missing_ok=True)

    def _compare(self, piece: bytes, known: bytes) -> tuple[bytes, bytes]:
        """Return what of a piece is new, and what of the known bytes is still to be compared."""
        common = min(len(piece), len(known))
        if piece[:common] != known[:common]:
            self.discard()
            raise BrokeOffError("the file changed while it was fetched")
        return piece[common:], known[common:]


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Keep other processes from fetching the same file meanwhile; yield whether one of them had to be waited for.

    The lock is the system's, which ends with the process that has it.
    """
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
        waited = False
    except Timeout:
        LOG.info("photos: another run is fetching the same photos; waiting for it (%s)", lock.lock_file)
        lock.acquire()
        waited = True
    try:
        yield waited
    finally:
        lock.release()


def sweep_partials(folder: Path) -> None:
    """Drop parts that nobody went on with for a week."""
    for path in folder.glob(f"*{SUFFIX}*"):
        with suppress(FileNotFoundError):  # another process sweeps, or has finished it
            if time.time() - path.stat().st_mtime > LASTS_SECONDS:
                path.unlink()


def matches(path: Path, digest: tuple[str, str]) -> bool:
    """Return whether a file has a digest, given as algorithm and hexadecimal."""
    algorithm, expected = digest
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == expected


def _write_note(path: Path, content: dict[str, object]) -> None:
    with write_beside(path) as beside:
        beside.write_text(json.dumps(content), "utf-8")
