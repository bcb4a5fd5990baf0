"""Heartbeats of a run, which may be busy for hours without logging a metric."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pawprint.tracking.server import is_reachable

ALIVE_TAG = "pawprint.alive_at"
"""Tag with the time of the last heartbeat, in milliseconds since 1970; removed when the run ends."""
INTERVAL_SECONDS = 600.0
"""Seconds between two heartbeats."""


@contextmanager
def send_heartbeats(run_id: str) -> Iterator[None]:
    """Tag a run every `INTERVAL_SECONDS` during the block, so that it is not taken for an orphan."""
    done = threading.Event()
    beaten = False

    def beat() -> None:
        nonlocal beaten
        while not done.wait(INTERVAL_SECONDS):
            with suppress(MlflowException):  # an unreachable server gets the next one
                MlflowClient().set_tag(run_id, ALIVE_TAG, str(int(time.time() * 1000)))
                beaten = True

    thread = threading.Thread(target=beat, name="signs-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
    if beaten and is_reachable():
        thread.join()  # else its last tag could be set after the deletion
        with suppress(MlflowException):
            MlflowClient().delete_tag(run_id, ALIVE_TAG)
