"""Whose checkpoints a training goes on from."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from pawprint.lineage.cache_keys import build_key
from pawprint.lineage.chain import Chain
from pawprint.lineage.resuming import find_checkpoints
from pawprint.lineage.runs import KEY_VARIABLE, start_step

PARAMETERS = {"architecture": "baseline", "epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "patience": 0, "seed": 0}


def train_under_main(cache: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str | None, bool]:
    """What a training finds that main runs, told this of the cache."""
    found: list[tuple[str | None, bool]] = []

    def child(name: str, words: dict[str, object], *, run_name: str, tags: dict[str, str]) -> Run:
        assert (name, run_name) == ("train", "train")
        given = {name: type(value)(str(words[name])) for name, value in PARAMETERS.items()}  # through a command line
        monkeypatch.setenv(KEY_VARIABLE, json.dumps(tags))
        mlflow.end_run()
        with start_step() as run:
            mlflow.set_tag("mlflow.parentRunId", "main")
            found.append(find_checkpoints(run, given, "d" * 64))
        return run

    monkeypatch.setattr("pawprint.lineage.chain.run_child", child)
    with mlflow.start_run():
        chain = Chain(cache=cache)
        dataset = {"dataset": "runs:/1/dataset"}
        chain.run_step("train", PARAMETERS, given=dataset, inputs={"dataset": "d" * 64}, run_name="train")
    return found[0]


def test_one_started_by_main_and_one_started_alone_share_them(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = build_key("train", PARAMETERS, {"dataset": "d" * 64}).digest
    assert train_under_main("on", monkeypatch) == (key, False)
    with start_step() as run:
        assert find_checkpoints(run, PARAMETERS, "d" * 64) == (key, False)
        assert find_checkpoints(run, PARAMETERS | {"seed": 1}, "d" * 64)[0] != key


def test_a_refresh_starts_anew_and_without_the_cache_there_are_none(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = build_key("train", PARAMETERS, {"dataset": "d" * 64}).digest
    assert train_under_main("refresh", monkeypatch) == (key, True)
    assert train_under_main("off", monkeypatch) == (None, False)
