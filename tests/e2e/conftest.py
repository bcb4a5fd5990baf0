"""Real `mlflow run` in folders of its own, with the environment that the tests run in."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Launcher:
    """Starts `mlflow run` from a folder of its own and reads the store it leaves there."""

    folder: Path
    tracking_uri: str
    environment: Mapping[str, str]

    def run(
        self, *words: str, project: str = str(ROOT), manager: str = "local", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mlflow", "run", project, "--env-manager", manager, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=dict(self.environment), capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.tracking_uri)

    def runs(self, experiment: str = "0") -> list[Run]:
        """Every run of the experiment, oldest first."""
        return list(self.client.search_runs([experiment], order_by=["attributes.start_time ASC"]))

    def newest(self, entry_point: str) -> Run:
        return [r for r in self.runs() if r.data.tags["mlflow.project.entryPoint"] == entry_point][-1]


def list_processes(pid: int) -> dict[psutil.Process, str]:
    """What a process has started, directly or through others, with their command lines; what has ended is left out."""
    found = {}
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one, too
            found[process] = " ".join(process.cmdline())
    return found


@pytest.fixture
def processes_of() -> Callable[[int], dict[psutil.Process, str]]:
    return list_processes


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launcher]]:
    def make(tracking_uri: str | None = None, **environment: str) -> Launcher:
        folder = tmp_path / "caller"
        folder.mkdir(exist_ok=True)
        surroundings = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PAWPRINT_CACHE": str(tmp_path / "cache"),
            **environment,
        }
        surroundings.pop("MLFLOW_TRACKING_URI", None)
        if tracking_uri:
            surroundings["MLFLOW_TRACKING_URI"] = tracking_uri
        return Launcher(folder, tracking_uri or f"sqlite:///{folder}/mlflow.db", surroundings)

    yield make
    mlflow.set_tracking_uri(None)
