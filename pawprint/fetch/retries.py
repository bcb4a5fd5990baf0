"""Patience with a sender: another try where one is worth it, after a pause that grows, and an end to it."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pawprint.base.retries import retry
from pawprint.fetch.errors import BrokeOffError, BusyError, SilentError

LOG = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0  # the first pause; each further one is twice as long
FRUITLESS_TRIES = 5  # in a row
LEAST_PROGRESS = 64 * 2**10  # bytes: a try that brings fewer is fruitless
BUSY_SECONDS = 120.0
BUSY_SECONDS_BEFORE_OTHERS = 12.0

Result = TypeVar("Result")


def patience_for(alternatives: Sequence[object], position: int) -> float:
    """Return how long a busy sender is waited for: shorter where another source comes after it."""
    return BUSY_SECONDS if position == len(alternatives) - 1 else BUSY_SECONDS_BEFORE_OTHERS


def keep_trying(
    attempt: Callable[[], Result],
    *,
    reached: Callable[[], int] = lambda: 0,
    busy_seconds: float = BUSY_SECONDS,
) -> Result:
    """Call something until it succeeds, or no further try is worth it.

    One that broke off is tried again until five tries in a row brought nothing. A busy sender is left alone for as
    long as it asks, or twice as long each time. No connection at all ends it at once, as there may be another source
    to try; once bytes have come it is waited for like a transfer that broke off.

    Args:
        attempt: What to call.
        reached: How many bytes of the whole are there, in the best try so far.
        busy_seconds: How long a busy sender is waited for in all, counted anew when bytes have come.

    Raises:
        UnreachableError: What the last try raised. Other errors are none of this module's business.
    """
    patience = _Patience(reached, busy_seconds)
    return retry(attempt, is_passing=patience.is_worth_another_try, wait=lambda _: patience.pause, warn=_tell)


class _Patience:
    """What has come of the tries so far, and what that means for the next."""

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


def _tell(error: BaseException, pause: float) -> None:
    LOG.warning("photos: %s; trying again in %.0f s", error, pause)
