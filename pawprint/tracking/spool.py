"""A run's metrics on their way to the tracking server: on disk first, then delivered in order from there.

Whoever logs never waits for the network. What a server that was away has not acknowledged is sent again, and MLflow's
stores take the same (name, step, time, value) once only: nothing is lost, and nothing is there twice.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from tenacity import Retrying, retry_if_not_result, wait_exponential_jitter
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set

from pawprint.base.errors import UserError
from pawprint.tracking.server import is_reachable, is_refusal, tell_server

BATCH = 1000
"""Metrics that MLflow takes at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10


class Spool:
    """Metrics of one run, delivered by a thread of their own.

    Attributes:
        folder: holds `metrics.jsonl`, a line for each call of `log`, and `delivered`, how many bytes of it the
            tracking server has acknowledged. One that is there already is gone on with.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        """Open, or make, the spool of a run, and start to deliver."""
        self.folder = folder
        self._run_id = run_id
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._mark = folder / "metrics.jsonl", folder / "delivered"
        self._delivered = int(self._mark.read_text()) if self._mark.is_file() else 0
        self._file = self._path.open("ab")
        _cut_torn_line(self._path)
        self._written = self._path.stat().st_size
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"metrics of {run_id}", daemon=True)
        self._thread.start()

    def log(self, metrics: Mapping[str, float], step: int = 0, timestamp_ms: int | None = None) -> None:
        """Keep metrics on disk, to be delivered as soon as can be.

        Args:
            metrics: values by name.
            step: the epoch.
            timestamp_ms: when they were measured, in milliseconds since 1970; now unless given.
        """
        now = time.time_ns() // 1_000_000 if timestamp_ms is None else timestamp_ms
        line = json.dumps({"step": step, "timestamp": now, "metrics": {name: float(metrics[name]) for name in metrics}})
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        with self._changed:
            self._written = self._file.tell()
            self._changed.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until the tracking server has acknowledged everything, or for so long.

        Returns:
            Whether it has.

        Raises:
            UserError: it refuses the metrics.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or self._delivered == self._written, seconds)
            if self._failure is not None:
                raise UserError(
                    f"the metrics of run {self._run_id} can't be delivered to {tell_server()}: {self._failure}"
                ) from self._failure
            return self._delivered == self._written

    def close(self) -> None:
        """Stop delivering; what is not delivered stays in the folder."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        # A request in flight is not waited for: MLflow tries it for minutes where the server is away.
        self._thread.join(timeout=1)
        self._file.close()

    def remove(self) -> None:
        """Close, and remove the folder: all of it has been delivered."""
        self.close()
        shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing.is_set() or self._delivered < self._written)
                    if self._closing.is_set():
                        return
                    written = self._written
                self._deliver(written)
        except BaseException as error:  # for the thread that waits, which raises it
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _deliver(self, written: int) -> None:
        """Send what was written up to there, batch by batch, each until it has arrived."""
        client = MlflowClient()
        for metrics, end in self._batches(written):
            Retrying(
                retry=retry_if_not_result(bool),
                wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
                sleep=sleep_using_event(self._closing),
                stop=stop_when_event_set(self._closing),
                retry_error_callback=lambda _: False,
            )(self._send, client, metrics)
            if self._closing.is_set():
                return  # whether the last batch has arrived is not known: it would be sent again
            beside = self._mark.with_suffix(".part")
            beside.write_text(str(end))
            beside.replace(self._mark)
            with self._changed:
                self._delivered = end
                self._changed.notify_all()

    def _batches(self, written: int) -> Iterator[tuple[list[Metric], int]]:
        """Yield what is not delivered yet, whole lines, and where in the file each batch ends."""
        with self._path.open("rb") as file:
            file.seek(self._delivered)
            batch: list[Metric] = []
            end = self._delivered
            while end < written:
                metrics = _read_line(file.readline())
                if batch and len(batch) + len(metrics) > BATCH:
                    yield batch, end
                    batch = []
                batch += metrics
                end = file.tell()
            if batch:
                yield batch, end

    def _send(self, client: MlflowClient, metrics: list[Metric]) -> bool:
        # Asked first, because MLflow's own way of trying again can't be stopped, and pauses for two minutes.
        if not is_reachable():
            return False
        try:
            client.log_batch(self._run_id, metrics=metrics)
        except MlflowException as error:
            if is_refusal(error):
                raise
            return False
        return True


def _read_line(line: bytes) -> list[Metric]:
    content: dict[str, Any] = json.loads(line)
    return [Metric(name, value, content["timestamp"], content["step"]) for name, value in content["metrics"].items()]


def _cut_torn_line(path: Path) -> None:
    """Cut off a last line that a crash has left without its end."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
