"""The trials of a search as runs: each a training under one sub-parent, watched epoch by epoch, ended where it lags."""

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError, one_line
from pawprint.pipeline.cache_keys import build_key, digest_code
from pawprint.pipeline.children import end_child, start_child
from pawprint.pipeline.reuse import TRIAL_TAG, find_reusable, key_tags, log_reuse
from pawprint.tracking.active import active_run
from pawprint.tracking.artifacts import find_model
from pawprint.tracking.server import describe_server
from pawprint.tracking.tags import ENTRY_POINT_TAG, ERROR_TAG, INTERRUPTED
from pawprint.tuning.search_space import Range

TRIALS = "trials"
"""Name of the run that the trials hang under, and what stands there for its entry point."""
WATCHED = "validation_loss"
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial's run ended.

    Attributes:
        run_id: of its training.
        loss: of the validation photos at the epoch that was taken; None if it did not get there.
        pruned_at: the epoch after which it was ended, or would have been: what is pruned depends on the figures, not
            on how fast the machine is.
        reason: why it failed; "" if it did not.
    """

    run_id: str
    loss: float | None = None
    pruned_at: int | None = None
    reason: str = ""


@contextmanager
def open_trials() -> Iterator[mlflow.ActiveRun]:
    """Makes the run that trials hang under, nested in the active one: a page of MLflow's lists ten children."""
    run = mlflow.start_run(run_name=TRIALS, nested=True, tags={ENTRY_POINT_TAG: TRIALS})
    status = "FINISHED"
    try:
        yield run
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except BaseException:
        status = "FAILED"
        raise
    finally:
        mlflow.end_run(status)


def name_study(
    parameters: Mapping[str, object], *, space: Mapping[str, Range], dataset_digest: str, experiment_id: str
) -> str:
    """Return a name made of all that the trials of a study share, so that the same search again goes on from it.

    Args:
        parameters: of train, but for what is varied.
        space: what is varied, and how far.
        dataset_digest: of the photos.
        experiment_id: where the runs of the trials are.
    """
    shared = {
        "parameters": {name: str(value) for name, value in parameters.items()},
        "space": {name: dataclasses.asdict(one) for name, one in space.items()},
        "dataset": dataset_digest,
        "code": digest_code("train", parameters),
        "runs": [mlflow.get_tracking_uri(), experiment_id],
    }
    return f"pawprint-{hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:32]}"


def run_trial(
    parameters: Mapping[str, object],
    *,
    number: int,
    dataset: str,
    dataset_digest: str,
    cache: str,
    on_run: Callable[[str], None],
    on_epoch: Callable[[int, float], bool],
) -> TrialOutcome:
    """Runs train under the active run, or takes a run of the same that is there already.

    Args:
        parameters: of train, but for the dataset.
        number: of the trial.
        dataset: the URI that train is given.
        dataset_digest: of its content.
        cache: as for a chain.
        on_run: told the run's id as soon as there is one.
        on_epoch: told each epoch's number and validation loss, in order; true ends the trial.

    Raises:
        UserError: it could not be started.
    """
    key = build_key("train", parameters, {"dataset": dataset_digest})
    words = {"dataset": dataset, **parameters}
    name = f"trial {number}"
    found = find_reusable(key, active_run().info.experiment_id) if cache == "on" else None
    if found is not None:
        MlflowClient().set_tag(log_reuse(found, words, run_name=name).info.run_id, TRIAL_TAG, str(number))
        on_run(found.info.run_id)
        return _judge(found.info.run_id, _report(found.info.run_id, 0, on_epoch)[1])
    child = start_child("train", words, run_name=name, tags=key_tags(key, cache=cache))
    seen, pruned_at = 0, None
    try:
        MlflowClient().set_tag(child.run_id, TRIAL_TAG, str(number))
        on_run(child.run_id)
        while pruned_at is None and child.command_proc.poll() is None:
            try:
                child.command_proc.wait(timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                seen, pruned_at = _report(child.run_id, seen, on_epoch)
    except BaseException:
        end_child(child, INTERRUPTED)
        raise
    if pruned_at is None:
        _, pruned_at = _report(child.run_id, seen, on_epoch)
    if pruned_at is not None and child.command_proc.poll() is None:
        end_child(child, f"pruned after epoch {pruned_at}: worse than half of the trials before")
    return _judge(child.run_id, pruned_at)


def find_trial_model(run_id: str) -> tuple[Run, str]:
    """Return a trial's run and the URI of its model.

    Raises:
        UserError: the store no longer has them.
    """
    try:
        run = MlflowClient().get_run(run_id)
        return run, find_model(run)
    except (MlflowException, UserError) as error:
        raise UserError(
            f"the winner's run {run_id} or its model is no longer in {describe_server()} ({error}); "
            "say cache=refresh to search again"
        ) from error


def _report(run_id: str, seen: int, on_epoch: Callable[[int, float], bool]) -> tuple[int, int | None]:
    """Tells of the epochs after `seen`; returns the last one told of, and the one that the trial is pruned at."""
    history = MlflowClient().get_metric_history(run_id, WATCHED)
    for metric in sorted(history, key=lambda one: one.step):
        if metric.step > seen:
            seen = metric.step
            if on_epoch(metric.step, metric.value):
                return seen, seen
    return seen, None


def _judge(run_id: str, pruned_at: int | None) -> TrialOutcome:
    client = MlflowClient()
    run = client.get_run(run_id)
    if pruned_at is not None:
        return TrialOutcome(run_id, pruned_at=pruned_at)
    if run.info.status != "FINISHED":
        reason = run.data.tags.get(ERROR_TAG, "it ended without a word; its own lines above may say why")
        return TrialOutcome(run_id, reason=one_line(reason))
    best = int(run.data.metrics["best_epoch"])
    loss = next(one.value for one in client.get_metric_history(run_id, WATCHED) if one.step == best)
    return TrialOutcome(run_id, loss=loss)
