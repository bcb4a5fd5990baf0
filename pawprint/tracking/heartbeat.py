"""A sign of life from a run that may be busy for hours without a metric to log."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pawprint.tracking.server import is_reachable

ALIVE_TAG = "pawprint.alive_at"
"""When the run last said that it goes on, in milliseconds since 1970; a finished run has it no more."""
INTERVAL_SECONDS = 600.0


@contextmanager
def give_signs_of_life(run_id: str) -> Iterator[None]:
    """Tag a run every `INTERVAL_SECONDS` while the block lasts, so that nobody takes it for an orphan."""
    done = threading.Event()
    beaten = False

    def beat() -> None:
        nonlocal beaten
        while not done.wait(INTERVAL_SECONDS):
            with suppress(MlflowException):  # a server that is away for a while hears the next one
                MlflowClient().set_tag(run_id, ALIVE_TAG, str(int(time.time() * 1000)))
                beaten = True

    thread = threading.Thread(target=beat, name="signs-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
    if beaten and is_reachable():
        thread.join()  # else its last word might come after this one
        with suppress(MlflowException):
            MlflowClient().delete_tag(run_id, ALIVE_TAG)
