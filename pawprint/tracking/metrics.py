"""Send a run's metrics to the tracking server, in order, from a thread of their own.

Whoever logs never waits for the network. What a server that was away has not acknowledged is sent again, and MLflow's
stores take the same (name, step, time, value) once only: nothing is lost, and nothing is there twice. What has not
arrived when the process ends is replayed from what the training keeps on disk, see `pawprint.tracking.deliveries`.
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
"""Metrics that MLflow takes at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10


class MetricSender:
    """The metrics of one run, sent in the background while a `with` block lasts.

    Attributes:
        run_id: of the run.
        metrics: all of them, sent or not, in order.
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
        """Take metrics, to be sent as soon as possible.

        Args:
            metrics: values by name.
            step: the epoch.
            timestamp_ms: when they were measured, in milliseconds since 1970; now unless given.
        """
        now = time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms
        with self._changed:
            self.metrics += [Metric(name, float(value), now, step) for name, value in metrics.items()]
            self._changed.notify_all()

    def log_epoch(self, entry: Mapping[str, float], timestamp_ms: int) -> None:
        """Take what a training measured in an epoch: an entry of its history, and when the epoch ended."""
        measured = {name: value for name, value in entry.items() if name != "epoch"}
        self.log(measured, step=int(entry["epoch"]), timestamp_ms=timestamp_ms)

    def drain(self, seconds: float) -> bool:
        """Wait until the tracking server has acknowledged everything, or for so long.

        Returns:
            Whether it has.

        Raises:
            UserError: it refuses the metrics.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or self._arrived == len(self.metrics), seconds)
            if self._failure is not None:
                raise UserError(
                    f"the metrics of run {self.run_id} can't be delivered to {describe_server()}: {self._failure}"
                ) from self._failure
            return self._arrived == len(self.metrics)

    def __enter__(self) -> Self:
        """Start to send."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop sending."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        # A request in flight is not waited for: MLflow tries it for minutes where the server is away.
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
        except BaseException as error:  # for the thread that waits, which raises it
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _send(self, client: MlflowClient, metrics: list[Metric]) -> bool:
        # Asked first, because MLflow's own way of trying again can't be stopped, and pauses for two minutes.
        if not is_reachable():
            return False
        try:
            client.log_batch(self.run_id, metrics=metrics)
        except MlflowException as error:
            if is_refusal(error):
                raise
            return False
        return True
