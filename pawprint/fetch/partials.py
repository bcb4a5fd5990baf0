"""An unfinished download: a growing file in the cache, and a note that says which version it is part of.

Both stay when the process ends, so that the next one continues the download.
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
"""Bytes requested again and compared, since a server may send the rest of a different file without saying so."""

KEPT_SECONDS = 7 * 24 * 3600.0
"""Seconds for which an unfinished download is kept after its last byte."""


class Partial:
    """The part of a file that has arrived.

    Attributes:
        path: The file with its bytes.
        furthest: The most bytes this process has had of it, in any try. Bytes sent again, because the sender cannot
            continue a transfer, are no progress.
        resumed: True if the bytes come from more than one transfer.
        version: The sender's version of the file.
        digest: The algorithm and the hexadecimal digest of the whole file, if the sender gives them.
        num_bytes: The size of the whole file, if the sender gives it.
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
        """The number of bytes on disk."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def find_resume(self) -> Resume | None:
        """Return where a transfer can continue, or None if it must start again."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            mark, num_bytes = str(note["mark"]), note["num_bytes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        start = self.size - OVERLAP_BYTES
        return Resume(start, mark, num_bytes) if start > 0 else None

    def write(self, stream: Stream, count: Callable[[int], None]) -> None:
        """Write the bytes of a stream at their place in the file.

        Args:
            stream: The whole file, or its rest.
            count: Called with the number of bytes of each piece; an exception from it ends the transfer.

        Raises:
            BrokeOffError: The stream broke off, or does not match the bytes on disk, which are then deleted.
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
                    count(len(piece))
                    if stream.num_bytes is not None and file.tell() > stream.num_bytes:
                        self.discard()
                        raise BrokeOffError("more bytes came than were announced")
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Delete the bytes that have arrived."""
        for path in (self._note, self.path):
            path.unlink(missing_ok=True)

    def keep_if_resumable(self) -> None:
        """Delete the bytes if the rest cannot be requested."""
        if self.find_resume() is None:
            self.discard()

    def move(self, path: Path) -> None:
        """Move the complete file to its place."""
        self.path.replace(path)
        self._note.unlink(missing_ok=True)

    def _compare(self, piece: bytes, known: bytes) -> tuple[bytes, bytes]:
        """Return the new bytes of a piece, and the known bytes still to be compared."""
        common = min(len(piece), len(known))
        if piece[:common] != known[:common]:
            self.discard()
            raise BrokeOffError("the file changed while it was fetched")
        return piece[common:], known[common:]


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Lock a download so that no other process starts the same one; yield whether another process had held the lock.

    The operating system releases the lock when the process ends.
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
    """Delete unfinished downloads that no run has used for a week."""
    for path in folder.glob(f"*{SUFFIX}*"):
        with suppress(FileNotFoundError):  # another process deleted or completed it
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()


def matches(path: Path, digest: tuple[str, str]) -> bool:
    """Return whether a file has a digest, given as algorithm and hexadecimal."""
    algorithm, expected = digest
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == expected


def _write_note(path: Path, content: dict[str, object]) -> None:
    with write_beside(path) as beside:
        beside.write_text(json.dumps(content), "utf-8")
