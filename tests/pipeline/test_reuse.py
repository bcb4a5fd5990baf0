"""A finished step is found again by its key, while it is whole."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.base.handover import VARIABLE
from pawprint.pipeline.cache_keys import CacheKey
from pawprint.pipeline.reuse import explain_difference, find_reusable, key_tags, log_reuse
from pawprint.tracking.digests import find_damage, log_files, log_folder
from pawprint.tracking.runs import start_step
from pawprint.tracking.tags import get_tag

KEY = CacheKey("k" * 64, {"parameter epochs": "3"})


def made(monkeypatch: pytest.MonkeyPatch, folder: Path, key: CacheKey = KEY) -> Run:
    """A finished step with an artifact."""
    inner = folder / "made"
    (inner / "deep").mkdir(parents=True, exist_ok=True)
    (inner / "deep" / "a.txt").write_text("alpha")
    monkeypatch.setenv(VARIABLE, json.dumps({"tags": key_tags(key)}))
    with start_step() as run:
        mlflow.set_tag("mlflow.project.entryPoint", "train")
        mlflow.log_metrics({"loss": 0.5}, step=1)
        mlflow.log_metrics({"loss": 0.25}, step=2)
        log_folder(inner, "things")
        log_files({"words.txt": "said"}, "words")
    return MlflowClient().get_run(run.info.run_id)


def artifact(run: Run, path: str) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://")) / path


def test_the_newest_whole_one_is_found(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = made(monkeypatch, store), made(monkeypatch, store)
    assert find_reusable(KEY, "0").info.run_id == second.info.run_id
    artifact(second, "things/deep/a.txt").write_text("alphA")
    assert find_reusable(KEY, "0").info.run_id == first.info.run_id
    MlflowClient().delete_run(first.info.run_id)
    assert find_reusable(KEY, "0") is None


def test_neither_another_key_nor_a_failed_run_is(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(monkeypatch, store)
    assert find_reusable(CacheKey("x" * 64, {}), "0") is None
    MlflowClient().set_terminated(run.info.run_id, "FAILED")
    assert find_reusable(KEY, "0") is None


@pytest.mark.parametrize("path", ["things/deep/a.txt", "words.txt", "digests/things.json", "digests/words.json"])
def test_any_changed_or_lost_file_is_named(store: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    run = made(monkeypatch, store)
    assert find_damage(run, thorough=True) == []
    file = artifact(run, path)
    file.write_bytes(file.read_bytes()[:-1] + b"~")
    (line,) = find_damage(run, thorough=True)
    assert path in line
    file.unlink()
    (line,) = find_damage(run, thorough=True)
    assert path in line


def test_the_run_that_stands_for_it_looks_like_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = made(monkeypatch, store)
    with mlflow.start_run(tags={"mlflow.source.git.commit": "c" * 40}) as parent:
        run = log_reuse(original, {"epochs": 3}, run_name="train")
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert run.data.tags["mlflow.project.entryPoint"] == "train"
    assert run.data.tags["mlflow.source.git.commit"] == "c" * 40
    assert run.data.tags["pawprint.cached_from"] == original.info.run_id
    assert original.info.run_id in run.data.tags["mlflow.note.content"]
    assert (get_tag(run, "cpu"), get_tag(run, "pid")) == (get_tag(original, "cpu"), None)
    assert run.data.params == {"epochs": "3"}
    history = MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [(1, 0.5), (2, 0.25)]
    # It is no candidate itself: what is found is always the run that made the artifacts.
    assert find_reusable(KEY, "0").info.run_id == original.info.run_id


def test_the_difference_to_the_last_time_is_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = CacheKey("y" * 64, {"parameter epochs": "4"})
    assert "no finished run" in explain_difference("train", changed, "0")
    run = made(monkeypatch, store)
    assert explain_difference("train", changed, "0") == f"since run {run.info.run_id}: epochs 3 -> 4"
