"""Streams of downloaded bytes, with a time limit for the first of them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar, cast

from pawprint.fetch.errors import SilentError

# An unreachable source is given up within 15 s: the other two seconds are for imports and for the message.
WAIT_SECONDS = 13.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Resume:
    """Where to continue a broken transfer.

    Attributes:
        start: The first byte wanted.
        mark: The sender's mark of the file's version; if it has changed, the whole file is wanted.
        num_bytes: The size of the whole file, if known.
    """

    start: int
    mark: str
    num_bytes: int | None


@dataclass(frozen=True)
class Stream:
    """A transfer whose first bytes have arrived.

    Attributes:
        head: The first bytes.
        rest: The other bytes, in pieces.
        num_bytes: The size of the whole file, if the sender gives it.
        close: Ends the transfer.
        version: A value that differs when the sender's file has changed, if the sender gives one.
        mark: What to request the rest by if the transfer breaks off; None if only the whole file can be requested.
        start: The position of the first byte in the file: 0 unless another position was requested.
        digest: The algorithm and the hexadecimal digest of the whole file, if the sender gives them.
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
    """Open a stream, or give up after some seconds, whatever it hangs on.

    Raises:
        SilentError: No answer came in time.
    """
    return answer_within(seconds, open_stream, name=name, drop=lambda stream: stream.close())


def answer_within(
    seconds: float, ask: Callable[[], Answer], *, name: str, drop: Callable[[Answer], object] = lambda _: None
) -> Answer:
    """Return an answer, or give up after some seconds, whatever it hangs on.

    A library's own timeouts apply to each address of a name and to each redirect, and not to looking up the name. So
    the request runs in a thread that can be abandoned.

    Args:
        seconds: The longest wait.
        ask: Returns the answer.
        name: The address shown to the user.
        drop: Called with an answer that comes too late.

    Raises:
        SilentError: No answer came in time.
    """
    outcome: SimpleQueue[tuple[Answer | None, Exception | None]] = SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            answer = ask()
        except Exception as error:  # passed to the caller, who raises it
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
