"""A trial is watched while it trains: it is ended where it lags, and what it came to is read from its run."""

import subprocess
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.projects.submitted_run import LocalSubmittedRun

from pawprint.base.errors import UserError
from pawprint.pipeline.children import start_child
from pawprint.report.graph import find_lineage
from pawprint.report.replay import find_main
from pawprint.tuning import trials
from pawprint.tuning.search_space import Range
from pawprint.tuning.trials import TrialOutcome, name_study, open_trials, run_trial

LOSSES = (0.9, 0.8, 0.85)
WIDTHS = Range(0, 1, 0.5)
SHARED = {"architecture": "cnn", "epochs": 3, "batch_size": 8, "patience": 0, "seed": 0}


class FakeTraining:
    """Stands for train: a process in a group of its own, and a run with losses that some other process has logged."""

    def __init__(self, command: list[str], status: str | None = None) -> None:
        self.command, self.status = command, status
        self.process: subprocess.Popen[str] | None = None

    def start(self, *_: object, run_name: str, tags: dict[str, str]) -> LocalSubmittedRun:
        client, parent = MlflowClient(), mlflow.active_run()
        assert parent
        run = client.create_run("0", run_name=run_name, tags={"mlflow.parentRunId": parent.info.run_id}).info.run_id
        assert tags["cache_key"]
        assert tags["cache"] == "refresh"  # it must train, whatever has been learned before
        for epoch, loss in enumerate(LOSSES, 1):
            client.log_metric(run, "validation_loss", loss, step=epoch)
        client.log_metric(run, "best_epoch", 2)
        if self.status:
            client.set_terminated(run, self.status)
        self.process = subprocess.Popen(self.command, start_new_session=True, text=True)
        return LocalSubmittedRun(run, self.process)


def test_trials_end_as_their_figures_say(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_POLL_SECONDS", 0.05)
    told: list[tuple[int, float]] = []

    def run(training: FakeTraining, number: int, prune_at: int | None) -> TrialOutcome:
        def watch(epoch: int, loss: float) -> bool:
            told.append((epoch, loss))
            return epoch == prune_at

        told.clear()
        monkeypatch.setattr(trials, "start_child", training.start)
        return run_trial(
            SHARED,
            number=number,
            dataset="runs:/0/dataset",
            dataset_digest="d",
            cache="refresh",
            on_run=lambda _: None,
            on_epoch=watch,
        )

    client = MlflowClient()
    with mlflow.start_run() as tune:
        with open_trials() as hub:
            whole = run(FakeTraining(["true"], "FINISHED"), 0, None)
            assert (whole.loss, whole.pruned_at) == (0.8, None)
            assert told == list(enumerate(LOSSES, 1))

            lagging = FakeTraining(["sh", "-c", "sleep 100 & wait"])
            pruned = run(lagging, 1, prune_at=2)
            assert (pruned.loss, pruned.pruned_at) == (None, 2)
            assert told == [(1, 0.9), (2, 0.8)]
            assert lagging.process
            assert lagging.process.poll() is not None
            ended = client.get_run(pruned.run_id)
            assert ended.info.status == "KILLED"
            assert ended.data.tags["pawprint.error"].startswith("pruned after epoch 2")
            assert ended.data.tags["pawprint.trial"] == "1"

            # The figures decide, not how fast the machine is: this one was over before anybody looked.
            assert run(FakeTraining(["true"], "FINISHED"), 2, prune_at=2).pruned_at == 2

            failed = run(FakeTraining(["false"], "FAILED"), 3, None)
            assert failed.loss is None
            assert failed.reason

            interrupted = FakeTraining(["sleep", "100"])
            monkeypatch.setattr(trials, "_report", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(interrupted, 4, None)
            assert interrupted.process
            assert interrupted.process.poll() is not None
        assert hub.data.tags["mlflow.parentRunId"] == tune.info.run_id
        assert client.get_run(hub.info.run_id).info.status == "FINISHED"
        assert mlflow.active_run() is tune
    states = {one.info.run_name: one.info.status for one in client.search_runs(["0"])}
    assert states["trial 4"] == "KILLED"
    with pytest.raises(UserError, match="is no step of this project"):
        find_lineage(hub.info.run_id)
    with pytest.raises(UserError):
        find_main(hub.info.run_id)


def test_a_study_is_named_after_what_its_trials_share() -> None:
    def name(space: Range = WIDTHS, digest: str = "d", experiment: str = "0", **changed: object) -> str:
        return name_study(
            {**SHARED, **changed}, space={"width": space}, dataset_digest=digest, experiment_id=experiment
        )

    names = {
        name(),
        name(space=Range(0, 2, 0.5)),
        name(digest="e"),
        name(experiment="1"),
        name(epochs=4),
        name(seed=1),
        name(architecture="cct"),
    }
    assert len(names) == 7
    assert name() == name()


def test_what_cannot_be_started_says_what_is_missing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow starts itself by its name, once it has made the run: without its folder on the PATH there is none."""

    def launch(**given: object) -> None:
        parent = {"mlflow.parentRunId": mlflow.active_run().info.run_id}
        MlflowClient().create_run(given["experiment_id"], tags=parent)
        raise FileNotFoundError(2, "No such file or directory", "mlflow")

    monkeypatch.setattr(mlflow.projects, "run", launch)
    with mlflow.start_run() as parent, pytest.raises(UserError, match="'mlflow' is not on the PATH"):
        start_child("train", {}, run_name="trial 0")
    (child,) = MlflowClient().search_runs(["0"], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert child.info.status == "FAILED"
