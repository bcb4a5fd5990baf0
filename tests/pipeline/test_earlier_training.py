"""What a finished training has left, taken into another run: the same files, the same metrics at the same times."""

import logging
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Run

from pawprint.base.files import hash_file, write_json
from pawprint.pipeline.earlier_training import take_training
from pawprint.report.graph import find_learning
from pawprint.tracking.digests import log_folder, log_model_folder
from pawprint.tracking.metrics import MetricSender
from pawprint.tracking.model_files import overall_digest
from pawprint.tracking.tags import set_tags
from pawprint.training.history import write_history

HISTORY = [{"epoch": epoch, "train_loss": 1 / 3 / epoch, "seconds": 0.1} for epoch in (1, 2, 3)]


@pytest.fixture
def learned(store: Path) -> Run:
    """A finished training; its network is any bytes, since nothing asks it."""
    files, model = store / "files", store / "model"
    for folder in (files, model / "artifacts"):
        folder.mkdir(parents=True)
    write_history(HISTORY, files / "history.csv")
    (model / "artifacts" / "network.keras").write_bytes(b"weights")
    write_json({"class_names": ["a", "b"], "image_size": 8}, model / "artifacts" / "model.json")
    digests = {path.name: hash_file(path) for path in (model / "artifacts").iterdir()}
    digest = overall_digest(digests)
    write_json({"schema_version": 1, "files": digests, "digest": digest}, model / "artifacts" / "digests.json")
    client = MlflowClient()
    with mlflow.start_run() as run:
        for entry in HISTORY:
            step = int(entry["epoch"])
            client.log_metric(run.info.run_id, "train_loss", entry["train_loss"], timestamp=1000 + step, step=step)
        client.log_metric(run.info.run_id, "best_epoch", 2, timestamp=2000)
        client.log_metric(run.info.run_id, "system/cpu", 99, timestamp=1500)
        log_folder(files)
        logged = mlflow.initialize_logged_model("model", tags={"pawprint.model_digest": digest})
        log_model_folder(model, logged.model_id, logged.artifact_location)
        client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        mlflow.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        set_tags(model_digest=digest)
    return client.get_run(run.info.run_id)


@pytest.fixture
def take(store: Path) -> Callable[[Run], tuple[object, Run]]:
    """Take a training into a new run; returns what was taken, and the run."""

    def do(learned: Run) -> tuple[object, Run]:
        with mlflow.start_run() as run, MetricSender(run.info.run_id) as sender:
            results = store / "results" / run.info.run_id
            taken = take_training(learned, sender, files=results / "files", model=results / "model")
            assert sender.drain(20)
            if taken:
                set_tags(learned_in=taken.run_id)
        return taken, MlflowClient().get_run(run.info.run_id)

    return do


def test_its_files_and_metrics_are_the_same(store: Path, learned: Run, take: Callable[[Run], tuple]) -> None:
    taken, run = take(learned)
    assert (taken.history, taken.best_epoch) == (HISTORY, 2)
    assert taken.model_digest == learned.data.tags["pawprint.model_digest"]
    for path in ("files/history.csv", "model/network.keras", "model/model.json", "model/digests.json"):
        original = store / path.replace("model/", "model/artifacts/")
        assert (store / "results" / run.info.run_id / path).read_bytes() == original.read_bytes()
    assert run.data.metrics == {"train_loss": 1 / 9, "best_epoch": 2}
    for name in run.data.metrics:
        assert [vars(one) | {"_run_id": ""} for one in MlflowClient().get_metric_history(run.info.run_id, name)] == [
            vars(one) | {"_run_id": ""} for one in MlflowClient().get_metric_history(learned.info.run_id, name)
        ]
    assert find_learning(run).info.run_id == learned.info.run_id == taken.run_id
    assert find_learning(learned) is learned


@pytest.mark.parametrize(
    ("path", "damage"),
    [("artifacts/network.keras", "changed"), ("artifacts/digests.json", "gone"), ("history.csv", "changed")],
)
def test_what_is_not_what_it_was_is_not_taken(
    learned: Run, take: Callable[[Run], tuple], path: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = mlflow.get_logged_model(learned.outputs.model_outputs[0].model_id)
    place = learned.info.artifact_uri if path == "history.csv" else model.artifact_location
    file = Path(place.removeprefix("file://"), path)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"e", b"f"))
    with caplog.at_level(logging.WARNING):
        taken, run = take(learned)
    assert taken is None
    assert run.data.metrics == {}
    assert "has trained the same, but its model can't be taken: " in caplog.text
