"""Call a function again after errors that may pass: the one mechanism, whose policies the rooms set."""

from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

Result = TypeVar("Result")


def retry(
    attempt: Callable[[], Result],
    *,
    is_passing: Callable[[BaseException], bool],
    warn: Callable[[BaseException, float], None] = lambda _error, _pause: None,
    **policy: Any,
) -> Result:
    """Call a function until it succeeds, or fails for good.

    Args:
        attempt: the function to call.
        is_passing: whether another try is worth it after this error; asked once for each failed try.
        warn: called before each pause, with the error and the seconds that the pause lasts; says nothing unless given.
        policy: tenacity's `wait`, and `stop` where there is a limit beside `is_passing`.

    Raises:
        Exception: the error of the last try.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if error is not None:
            warn(error, state.upcoming_sleep)

    return Retrying(retry=retry_if_exception(is_passing), before_sleep=before_sleep, reraise=True, **policy)(attempt)
