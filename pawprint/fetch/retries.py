"""Retries of a download, with growing pauses and a limit."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pawprint.base.retries import retry
from pawprint.fetch.errors import BrokeOffError, BusyError, SilentError

LOG = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0  # the first pause; each further one is twice as long
FRUITLESS_TRIES = 5  # tries in a row without progress before giving up
LEAST_PROGRESS = 64 * 2**10  # bytes; a try that brings fewer makes no progress
BUSY_SECONDS = 120.0  # longest total wait for a busy sender
BUSY_SECONDS_BEFORE_OTHERS = 12.0  # the same if another source follows

Result = TypeVar("Result")


def patience_for(alternatives: Sequence[object], position: int) -> float:
    """Return how long to wait for a busy sender: shorter if another source follows it."""
    return BUSY_SECONDS if position == len(alternatives) - 1 else BUSY_SECONDS_BEFORE_OTHERS


def keep_trying(
    attempt: Callable[[], Result],
    *,
    reached: Callable[[], int] = lambda: 0,
    busy_seconds: float = BUSY_SECONDS,
) -> Result:
    """Call a function until it succeeds or another try is pointless.

    A broken transfer is retried until five tries in a row make no progress. A busy sender is left alone as long as it
    asks, or for a pause that doubles each time. Without a connection it gives up at once, as another source may follow;
    but once bytes have arrived, a lost connection counts as a broken transfer.

    Args:
        attempt: The function to call.
        reached: Returns how many bytes of the whole file the best try so far has reached.
        busy_seconds: Longest total wait for a busy sender; starts again when bytes arrive.

    Raises:
        UnreachableError: The error of the last try. Other exceptions pass through.
    """
    patience = _Patience(reached, busy_seconds)
    return retry(attempt, is_passing=patience.is_worth_another_try, wait=lambda _: patience.pause, warn=_warn)


class _Patience:
    """What the tries so far have reached, and whether and when to try again."""

    def __init__(self, reached: Callable[[], int], busy_seconds: float) -> None:
        self._reached = reached
        self._busy_seconds = busy_seconds
        self._fruitless = 0
        self._before = reached()
        self._since = time.monotonic()
        self._began = False
        self.pause = 0.0

    def is_worth_another_try(self, error: BaseException) -> bool:
        came = self._reached() - self._before
        self._began = self._began or came > 0
        if came >= LEAST_PROGRESS:
            self._fruitless, self._before, self._since = 0, self._reached(), time.monotonic()
        self._fruitless += 1
        self.pause = PAUSE_SECONDS * 2.0 ** (self._fruitless - 1)
        if isinstance(error, BusyError):
            if error.wait_seconds is not None:
                self.pause = max(error.wait_seconds, PAUSE_SECONDS)
            return time.monotonic() - self._since + self.pause <= self._busy_seconds
        return self._fruitless < FRUITLESS_TRIES and (
            isinstance(error, BrokeOffError) or (self._began and isinstance(error, SilentError))
        )


def _warn(error: BaseException, pause: float) -> None:
    LOG.warning("photos: %s; trying again in %.0f s", error, pause)
