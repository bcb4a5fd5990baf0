"""Send a run's metrics to the tracking server, in order, from a background thread.

Logging never waits for the network. Metrics that a server has not acknowledged are sent again, and MLflow's stores
keep the same (name, step, time, value) only once: so no metric is lost or doubled. Metrics that have not arrived
when the process ends are replayed from disk, see `pawprint.tracking.deliveries`.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Self

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.tracking.server import describe_server, is_reachable, is_refusal

BATCH = 1000
"""Most metrics in one request to MLflow."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10
"""Seconds between two attempts, at first and at most."""


class MetricSender:
    """The metrics of one run, sent in the background during a `with` block.

    Attributes:
        run_id: id of the run.
        metrics: all metrics in order, sent or not.
    """

    def __init__(self, run_id: str, metrics: Iterable[Metric] = ()) -> None:
        self.run_id = run_id
        self.metrics = list(metrics)
        self._arrived = 0
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"metrics of {run_id}", daemon=True)

    def log(self, metrics: Mapping[str, float], step: int = 0, timestamp_ms: int | None = None) -> None:
        """Queue metrics for sending.

        Args:
            metrics: values by name.
            step: the epoch.
            timestamp_ms: time of the measurement in milliseconds since 1970; default: now.
        """
        now = time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms
        with self._changed:
            self.metrics += [Metric(name, float(value), now, step) for name, value in metrics.items()]
            self._changed.notify_all()

    def log_epoch(self, entry: Mapping[str, float], timestamp_ms: int) -> None:
        """Queue the metrics of an epoch: an entry of the training's history, and the end of the epoch."""
        measured = {name: value for name, value in entry.items() if name != "epoch"}
        self.log(measured, step=int(entry["epoch"]), timestamp_ms=timestamp_ms)

    def drain(self, seconds: float) -> bool:
        """Wait until the tracking server has acknowledged all metrics, but at most so many seconds.

        Returns:
            Whether all are acknowledged.

        Raises:
            UserError: the server refuses the metrics.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or self._arrived == len(self.metrics), seconds)
            if self._failure is not None:
                raise UserError(
                    f"the metrics of run {self.run_id} can't be delivered to {describe_server()}: {self._failure}"
                ) from self._failure
            return self._arrived == len(self.metrics)

    def __enter__(self) -> Self:
        """Start sending."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop sending."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        # Do not wait for a running request: if the server is unreachable, MLflow retries it for minutes.
        self._thread.join(timeout=1)

    def _work(self) -> None:
        try:
            client = MlflowClient()
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing.is_set() or self._arrived < len(self.metrics))
                    batch = self.metrics[self._arrived : self._arrived + BATCH]
                pause = FIRST_PAUSE
                while not self._closing.is_set() and not self._send(client, batch):
                    self._closing.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                if self._closing.is_set():
                    return
                with self._changed:
                    self._arrived += len(batch)
                    self._changed.notify_all()
        except BaseException as error:  # raised by `drain` in the waiting thread
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _send(self, client: MlflowClient, metrics: list[Metric]) -> bool:
        # Check first: MLflow's own retries cannot be stopped, and pause for up to two minutes.
        if not is_reachable():
            return False
        try:
            client.log_batch(self.run_id, metrics=metrics)
        except MlflowException as error:
            if is_refusal(error):
                raise
            return False
        return True
