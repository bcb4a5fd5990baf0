"""What a training goes on from: the checkpoints of one that was killed, the model of one that is finished."""

import json
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from pawprint.base.handover import VARIABLE
from pawprint.pipeline.chain import Chain
from pawprint.pipeline.resuming import Start, find_start, training_key
from pawprint.tracking.digests import log_files
from pawprint.tracking.runs import start_step
from pawprint.tracking.tags import set_tags

PARAMETERS = {"architecture": "baseline", "epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "patience": 0, "seed": 0}
DATASET = "d" * 64


@pytest.fixture
def key(store: Path) -> str:
    return training_key(PARAMETERS, DATASET)


def train_under_main(cache: str, monkeypatch: pytest.MonkeyPatch, *, export: str = "") -> Start:
    """What a training starts from that main runs, told this of the cache."""
    found: list[Start] = []

    def child(name: str, words: dict[str, object], *, run_name: str, tags: dict[str, str]) -> Run:
        assert (name, run_name) == ("train", "train")
        given = {name: type(value)(str(words[name])) for name, value in PARAMETERS.items()}  # through a command line
        monkeypatch.setenv(VARIABLE, json.dumps({"tags": tags}))
        mlflow.end_run()
        with start_step() as run:
            mlflow.set_tag("mlflow.parentRunId", "main")
            found.append(find_start(run, given, DATASET, export=export))
        return run

    monkeypatch.setattr("pawprint.pipeline.chain.run_child", child)
    with mlflow.start_run():
        Chain(cache=cache).run_step(
            "train",
            # What baseline does not take is `auto` to the end.
            {**PARAMETERS, "weight_decay": "auto", "export": export},
            given={"dataset": "runs:/1/dataset"},
            inputs={"dataset": DATASET},
            run_name="train",
        )
    return found[0]


def train_alone(*, export: str = "", **changed: object) -> Start:
    with start_step() as run:
        return find_start(run, PARAMETERS | changed, DATASET, export=export)


def finish(key: str) -> str:
    """Leave a finished training."""
    with start_step() as run:
        log_files({"history.csv": "epoch\n1\n"}, "files")
        set_tags(training_key=key)
    return str(run.info.run_id)


def test_one_started_by_main_and_one_started_alone_share_checkpoints(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for export in ("", "onnx"):
        assert train_under_main("on", monkeypatch, export=export) == Start(key)
        assert train_alone(export=export) == Start(key)
    assert train_alone(seed=1).key not in {key, None}
    # What mistakes cost changes the decision, not the network.
    assert training_key(PARAMETERS | {"cost": "cats>dogs:5"}, DATASET) == key


def test_a_refresh_starts_anew_and_without_the_cache_there_is_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(key)
    for export in ("", "onnx"):
        assert train_under_main("refresh", monkeypatch, export=export) == Start(key, anew=True)
        assert train_under_main("off", monkeypatch, export=export) == Start(None)


def test_what_has_been_learned_is_not_learned_again_for_an_export(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(training_key(PARAMETERS | {"seed": 1}, DATASET))
    assert train_under_main("on", monkeypatch, export="onnx").learned is None
    run_id = finish(key)
    for start in (train_under_main("on", monkeypatch, export="onnx"), train_alone(export="onnx")):
        assert start.learned is not None
        assert start.learned.info.run_id == run_id
    # Main was told that what was made may be used again; who trains alone wants to see it train.
    assert train_under_main("on", monkeypatch).learned is not None
    assert train_alone().learned is None
    with mlflow.start_run(run_id=run_id) as run:
        Path(run.info.artifact_uri.removeprefix("file://"), "history.csv").write_text("epoch\n2\n")
    assert train_alone(export="onnx").learned is None


def test_the_plan_says_that_only_the_export_is_to_be_made(key: str) -> None:
    def plan(**changed: object) -> str:
        with mlflow.start_run():
            chain = Chain(cache="on", plan=True)
            chain.run_step(
                "train",
                PARAMETERS | {"weight_decay": "auto", "export": "onnx"} | changed,
                given={"dataset": None},
                inputs={"dataset": DATASET},
                run_name="train",
            )
        return chain.plan_lines[0]

    run_id = finish(key)
    told = f", without training again: the model of run {run_id} is taken"
    assert plan().startswith("train: run (")
    assert plan().endswith(told)
    assert told not in plan(epochs=3)
