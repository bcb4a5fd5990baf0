"""What a run says of itself, and what it ran on."""

import doctest
import subprocess
from pathlib import Path

import mlflow
import pytest

from pawprint.lineage import descriptions
from pawprint.lineage.descriptions import describe_run, link, tell_counts, tell_metrics
from pawprint.lineage.runs import read_uncommitted, start_step


def test_examples() -> None:
    assert doctest.testmod(descriptions).failed == 0


def test_links_lead_to_pages_and_unknown_uris_are_said_as_they_are(store: Path) -> None:
    with mlflow.start_run() as run:
        describe_run("first", "", "second")
    assert mlflow.get_run(run.info.run_id).data.tags["mlflow.note.content"] == "first\n\nsecond"
    assert (
        link(f"runs:/{run.info.run_id}/dataset")
        == f"[dataset](#/experiments/0/runs/{run.info.run_id}/artifacts/dataset)"
    )
    assert link("models:/m-unknown") == "`models:/m-unknown`"
    assert link("models:/pets@champion") == "`models:/pets@champion`"


def test_tables_survive_names_with_marks() -> None:
    assert tell_counts({"train": {"a|b": 2}}).splitlines()[0] == "| split | `a\\|b` |"
    metrics = {"test_accuracy": 0.5, "test_accuracy_low": 0.4, "test_accuracy_high": 0.6}
    assert tell_metrics(metrics).splitlines()[-1] == "| test_accuracy | 0.5000 | 0.400 to 0.600 |"


@pytest.fixture
def repository(store: Path) -> Path:
    (store / "code.py").write_text("one\n")
    (store / "prod.env").write_text("A=1\n")
    (store / ".env").write_text("TOKEN=1\n")
    for command in (["init", "-q"], ["add", "-f", "code.py", ".env", "prod.env"], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], check=True)
    return store


def test_a_changed_tree_leaves_its_diff_without_secrets(repository: Path) -> None:
    assert read_uncommitted() == ""
    (repository / "code.py").write_text("two\n")
    for name in (".env", "prod.env"):
        (repository / name).write_text("TOKEN=hunter2\n")
    with start_step() as run:
        pass
    diff = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/uncommitted.diff")
    assert "-one" in diff
    assert "+two" in diff
    assert "hunter2" not in diff


def test_only_the_run_that_a_person_started_keeps_the_diff(repository: Path) -> None:
    (repository / "code.py").write_text("two\n")
    with mlflow.start_run(tags={"mlflow.parentRunId": "0" * 32}) as run:
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        with start_step():
            pass
    assert not mlflow.MlflowClient().list_artifacts(run.info.run_id)
