"""Run the trials of a search: each is a run of train under a common parent run, and may be pruned after an epoch."""

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
"""Name and entry point of the parent run of the trials."""
WATCHED = "validation_loss"
"""Metric by which trials are judged."""
_POLL_SECONDS = 1.0
"""Seconds between two looks at the metrics of a running trial."""


@dataclass(frozen=True)
class TrialOutcome:
    """The outcome of a trial's run.

    Attributes:
        run_id: id of its training.
        loss: validation loss at the chosen epoch; None if it was pruned or failed.
        pruned_at: epoch after which it was pruned, even if the run had already ended: pruning depends on the metrics,
            not on the speed of the machine. None if it was not pruned.
        reason: why it failed; "" if it did not.
    """

    run_id: str
    loss: float | None = None
    pruned_at: int | None = None
    reason: str = ""


@contextmanager
def open_trials() -> Iterator[mlflow.ActiveRun]:
    """Start and yield the parent run of the trials, nested in the active run, whose page lists only ten children."""
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
    """Return the name of a study, a digest of all that its trials share, so that the same search resumes it.

    Args:
        parameters: parameters of train that are not varied.
        space: ranges of the varied parameters.
        dataset_digest: digest of the dataset.
        experiment_id: experiment of the trials' runs.
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
    """Run train under the active run, or reuse an earlier run with the same key, and return the outcome.

    Args:
        parameters: parameters of train without the dataset.
        number: number of the trial.
        dataset: URI of the dataset.
        dataset_digest: digest of its content.
        cache: as in `Chain`.
        on_run: called with the run's id as soon as it is known.
        on_epoch: called with each epoch's number and validation loss, in order; True prunes the trial.

    Raises:
        UserError: the training could not be started.
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
        UserError: they are no longer in the store.
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
    """Call `on_epoch` for the epochs after `seen`; return the last one, and the epoch of pruning or None."""
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
