"""A run has its step's name from the start, whatever becomes of it."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pawprint.base.handover import VARIABLE
from pawprint.tracking.runs import start_step
from pawprint.tracking.tags import ENTRY_POINT_TAG


@pytest.mark.parametrize(("given", "name"), [("train 2", "train 2"), (None, "train")])
def test_it_is_named_while_it_runs(store: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, name: str) -> None:
    launched = MlflowClient().create_run("0", tags={ENTRY_POINT_TAG: "train"}).info
    assert launched.run_name not in {given, name}
    monkeypatch.setenv("MLFLOW_RUN_ID", launched.run_id)
    if given:
        monkeypatch.setenv(VARIABLE, json.dumps({"name": given}))
    with start_step():
        assert MlflowClient().get_run(launched.run_id).info.run_name == name


@pytest.mark.parametrize("said", ["all of it", "my-pets-2"])
def test_what_run_name_has_said_stays(store: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    launched = MlflowClient().create_run("0", tags={ENTRY_POINT_TAG: "main"}).info
    MlflowClient().set_tag(launched.run_id, "mlflow.runName", said)
    monkeypatch.setenv("MLFLOW_RUN_ID", launched.run_id)
    with start_step():
        assert MlflowClient().get_run(launched.run_id).info.run_name == said


def test_one_that_no_launcher_made_keeps_its_own(store: Path) -> None:
    with start_step() as run:
        assert MlflowClient().get_run(run.info.run_id).info.run_name == run.info.run_name
