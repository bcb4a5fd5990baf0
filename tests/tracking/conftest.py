from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from tests.stores import make_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tracking store of this test's own, in a folder that is also the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    mlflow.set_tracking_uri(make_store(tmp_path))
    yield tmp_path
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def log_folder(store: Path) -> Callable[..., str]:
    """Log files, name to text, as a folder of a run's artifacts; returns the folder's URI."""

    def log(name: str, **files: str) -> str:
        with mlflow.start_run() as run:
            for file, text in files.items():
                mlflow.log_text(text, f"{name}/{file}.txt")
        return f"runs:/{run.info.run_id}/{name}"

    return log
