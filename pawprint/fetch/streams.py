"""Bytes that come from elsewhere, with a limit to how long the first of them may take."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

from pawprint.fetch.errors import SilentError

# An unreachable source gives way within 15 s; the other two are for imports and for saying so.
WAIT_SECONDS = 13.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Resume:
    """Where a transfer that broke off is to go on.

    Attributes:
        start: The first byte wanted.
        mark: What the sender told of the file's version; if that has changed, the whole is wanted.
        num_bytes: How many the file had in all, if that was said.
    """

    start: int
    mark: str
    num_bytes: int | None


@dataclass(frozen=True)
class Stream:
    """A transfer whose first bytes have come.

    Attributes:
        head: The first bytes.
        rest: The others, in pieces.
        num_bytes: How many the whole file has, where the sender says so.
        close: Ends the transfer.
        version: What differs when the sender's file has changed, where the sender says so.
        mark: What the rest can be asked for by if the transfer breaks off; None where only the whole can be had.
        start: Where in the file the first byte stands: not 0 only where that was asked for.
        digest: The algorithm and the hexadecimal digest of the whole file, where the sender tells them.
    """

    head: bytes
    rest: Iterator[bytes]
    num_bytes: int | None
    close: Callable[[], None]
    version: str | None = None
    mark: str | None = None
    start: int = 0
    digest: tuple[str, str] | None = None


def open_within(seconds: float, open_stream: Callable[[], Stream], *, name: str) -> Stream:
    """Open a stream, or give up after some seconds, whatever it is that hangs.

    Raises:
        SilentError: Nothing came in time.
    """
    return answer_within(seconds, open_stream, name=name, drop=lambda stream: stream.close())


def answer_within(
    seconds: float, ask: Callable[[], Answer], *, name: str, drop: Callable[[Answer], object] = lambda _: None
) -> Answer:
    """Return an answer, or give up after some seconds, whatever it is that hangs.

    A library's own timeouts hold for each address that a name has and for each redirect, and do not hold for
    looking up the name; so the asking happens in a thread that can be left behind.

    Args:
        seconds: How long to wait.
        ask: Returns the answer.
        name: What a person knows it by.
        drop: Called with an answer that comes too late.

    Raises:
        SilentError: Nothing came in time.
    """
    outcome: SimpleQueue[tuple[Answer | None, Exception | None]] = SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            answer = ask()
        except Exception as error:  # handed to the caller, who raises it
            outcome.put((None, error))
            return
        outcome.put((answer, None))
        if abandoned.is_set():
            drop(answer)

    threading.Thread(target=work, daemon=True, name=f"ask {name}").start()
    try:
        answer, error = outcome.get(timeout=seconds)
    except Empty:
        abandoned.set()
        raise SilentError(f"{name} cannot be reached: no answer within {seconds:.0f} s") from None
    if error is not None:
        raise error
    return cast("Answer", answer)
