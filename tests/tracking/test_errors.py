"""A tracking store that was named wrongly is a line that says how to mend it, whatever MLflow raises."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pawprint.tracking.errors import explain_store
from tests.stores import make_store

ROOT = Path(__file__).parents[2]


def start_in_deleted(store: str) -> None:
    client = MlflowClient(store)
    experiment = client.create_experiment("gone")
    client.delete_experiment(experiment)
    client.create_run(experiment)


def start_in_unknown(store: str) -> None:
    mlflow.set_tracking_uri(store)
    mlflow.start_run()


def start_in_folder(store: str) -> None:
    MlflowClient(str(Path(store.removeprefix("sqlite:///")).parent / "mlruns")).search_experiments()


@pytest.mark.parametrize(
    ("start", "mended_by"),
    [
        (start_in_deleted, "`mlflow experiments restore --experiment-id 1`"),
        (start_in_unknown, "there is no experiment 999 in this store: unset MLFLOW_EXPERIMENT_ID"),
        (lambda store: MlflowClient(store).get_experiment("999"), "there is no experiment 999 in this store"),
        (start_in_folder, "`mlflow migrate-filestore`"),
        (lambda _: MlflowClient("mongodb://x").search_experiments(), "expected http(s)://…, sqlite:////absolute"),
    ],
)
def test_what_mlflow_raises_is_explained(
    start: Callable[[str], object], mended_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "999")
    before = mlflow.get_tracking_uri()
    with pytest.raises(MlflowException) as raised:
        start(make_store(tmp_path))
    mlflow.set_tracking_uri(before)
    assert mended_by in str(explain_store(raised.value))


def test_nothing_else_is_explained() -> None:
    assert explain_store(MlflowException("The run 1 must be in the 'active' state")) is None
    assert explain_store(ValueError("No Experiment with id=1 exists")) is None


def test_a_step_says_it_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pawprint.lineage", "show", "abc"],
        cwd=ROOT,
        env=os.environ | {"MLFLOW_TRACKING_URI": str(tmp_path / "mlruns")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: MLflow keeps no runs in folders any more")
    assert "Traceback" not in done.stderr
