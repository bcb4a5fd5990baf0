"""A tracking server that can be stopped and started again, and what is run against it; servers of one file."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.processes import free_port
from pawprint.base import handover
from pawprint.fetch import retries
from tests.faults.senders import Sender, sending

ROOT = Path(__file__).parents[2]


class TrackingServer:
    """MLflow's own server on a port of its own: SQLite, and artifacts that pass through it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        words = ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db", "--workers", "1"]
        words += ["--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *words, "--port", str(self.port)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(600):
            try:
                if requests.get(f"{self.uri}/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        raise AssertionError((self.folder / "server.log").read_text())

    def stop(self) -> None:
        """End it and its workers, connections and all."""
        if self.process is not None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri)

    def newest(self, entry_point: str) -> Run | None:
        runs = self.client.search_runs(
            ["0"], f"tags.`mlflow.project.entryPoint` = '{entry_point}'", order_by=["attributes.start_time DESC"]
        )
        return self.client.get_run(runs[0].info.run_id) if runs else None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path / "server")
    server.start()
    yield server
    server.stop()
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """One that no test of the module stops."""
    server = TrackingServer(tmp_path_factory.mktemp("store") / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a run gets: this environment's Python, and a cache of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PAWPRINT_"))}
    return given | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PAWPRINT_CACHE": str(tmp_path / "cache"),
    }


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `mlflow run` of this project in the background; its outputs can be read once it has ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
            cwd=tmp_path,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


@pytest.fixture
def send() -> Iterator[Callable[[Sender], Sender]]:
    with ExitStack() as opened:
        yield lambda sender: opened.enter_context(sending(sender))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no time lost between retries."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PAWPRINT_CACHE", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv(handover.VARIABLE, "")
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)
    return folder
