"""A small logged model, and MLflow's own server on it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import psutil
import pytest
import requests

from benchmarks.processes import free_port
from benchmarks.untrained import log_network
from pawprint.models.prediction_sets import PredictionSets
from pawprint.tracking.models import LoggedPhotoModel
from tests.stores import make_store

CLASSES, SIDE = ("cats", "dogs"), 32


@dataclass(frozen=True)
class Stored:
    """A logged model and the store that it lies in."""

    model: LoggedPhotoModel
    tracking_uri: str


@dataclass(frozen=True)
class Server:
    """A server that has answered its first ping."""

    address: str
    process: psutil.Process

    def memory(self) -> int:
        """Bytes that it and what it has started hold."""
        total = 0
        for process in [self.process, *self.process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """A network that tells warm photos from cold ones, logged."""
    import keras

    folder = tmp_path_factory.mktemp("store")
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    # More red than blue, by more than a tenth: dogs. Real photos are on both sides.
    network.layers[-1].set_weights([np.array([[-20, 20], [0, 0], [20, -20]]), np.array([2, -2])])
    before, uri = mlflow.get_tracking_uri(), make_store(folder)
    mlflow.set_tracking_uri(uri)
    experiment = mlflow.create_experiment("models", artifact_location=(folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        model = log_network(network, class_names=CLASSES, sets=PredictionSets(20, {95: 0.3}))
    yield Stored(model, uri)
    mlflow.set_tracking_uri(before)


@contextlib.contextmanager
def run_server(command: list[str], address: str, *, seconds: float, **variables: str) -> Iterator[Server]:
    """Run a server in a process group of its own until the caller is done with it."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{address}/ping", timeout=5).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() > until:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(process.stdout.read())
            time.sleep(0.2)
        yield Server(address, psutil.Process(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="module")
def serve(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., contextlib.AbstractContextManager]:
    """Return what starts `mlflow models serve`, away from the repository."""

    def start(*, manager: str = "local", seconds: float = 120, **variables: str):
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", stored.model.uri, "--env-manager", manager]
        return run_server(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            f"http://127.0.0.1:{port}",
            seconds=seconds,
            MLFLOW_TRACKING_URI=stored.tracking_uri,
            **variables,
        )

    return start
