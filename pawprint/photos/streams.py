"""Bytes that come from elsewhere, with a limit to how long the first of them may take."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from pawprint.photos.received import UnreachableError

# An unreachable source gives way within 15 s; the other two are for imports and for saying so.
WAIT_SECONDS = 13.0


@dataclass(frozen=True)
class Stream:
    """A transfer whose first bytes have come.

    Attributes:
        head: The first bytes.
        rest: The others, in pieces.
        num_bytes: How many in all, where the sender says so.
        close: Ends the transfer.
        version: What differs when the sender's file has changed, where the sender says so.
    """

    head: bytes
    rest: Iterator[bytes]
    num_bytes: int | None
    close: Callable[[], None]
    version: str | None = None


def open_within(seconds: float, open_stream: Callable[[], Stream], *, name: str) -> Stream:
    """Open a stream, or give up after some seconds, whatever it is that hangs.

    A library's own timeouts hold for each address that a name has and for each redirect, and do not hold for
    looking up the name; so the opening happens in a thread that can be left behind.

    Raises:
        UnreachableError: Nothing came in time.
    """
    outcome: SimpleQueue[Stream | Exception] = SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            stream = open_stream()
        except Exception as error:  # handed to the caller, who raises it
            outcome.put(error)
            return
        outcome.put(stream)
        if abandoned.is_set():
            stream.close()

    threading.Thread(target=work, daemon=True, name=f"open {name}").start()
    try:
        opened = outcome.get(timeout=seconds)
    except Empty:
        abandoned.set()
        raise UnreachableError(f"{name} cannot be reached: no answer within {seconds:.0f} s") from None
    if isinstance(opened, Exception):
        raise opened
    return opened
