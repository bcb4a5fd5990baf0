"""Deliver what a training leaves to its run: at once, or by a later command.

While a training goes on, its metrics are kept in its checkpoints. What it ends with is written to a folder of its own
in the cache and logged from there: `files/` (the run's artifacts), `model/` (as `write_model_files` writes it),
`export/` where that was asked for and, when all that is whole, `training.json`. Where the tracking server, or the
artifact store, stays away, the folder becomes `undelivered/<run id>`, with all metrics in `metrics.jsonl` and, last,
`server.txt`, which says where to.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.base.files import write_durably
from pawprint.base.space import explain_full_disk
from pawprint.tracking.descriptions import describe_run, link
from pawprint.tracking.digests import log_folder
from pawprint.tracking.metrics import MetricSender
from pawprint.tracking.models import LoggedPhotoModel, log_model_files
from pawprint.tracking.processes import describe_process
from pawprint.tracking.scratch import make_scratch
from pawprint.tracking.server import is_reachable, tell_server, wait_seconds
from pawprint.tracking.tags import ERROR_TAG, set_tags
from pawprint.training.checkpoint_file import Checkpoint
from pawprint.training.checkpoints import Checkpoints, Owner

SCHEMA_VERSION = 1
RECORD, METRICS, SERVER = "training.json", "metrics.jsonl", "server.txt"
FILES, MODEL, EXPORT = "files", "model", "export"
_AT_ONCE_SECONDS = 3
_LAST_CHANCE_SECONDS = 10
"""What a training that failed, or was killed, gives its metrics to arrive; the server is mostly there."""

logger = logging.getLogger(__name__)


class _KeptError(UserError):
    """A finished training could not be delivered, and all of it is kept."""


@dataclass(frozen=True)
class FinishedTraining:
    """What a run is told of a training, beside its metrics and its files.

    Attributes:
        run_id: of the run.
        parameters: what the model was trained with, for its page.
        tags: of the run, without their prefix.
        description: the paragraphs of the run's page; the model's link follows them.
        ended_ms: when the training ended, in milliseconds since 1970.
    """

    run_id: str
    parameters: Mapping[str, object]
    tags: Mapping[str, object]
    description: tuple[str, ...]
    ended_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@contextmanager
def open_results() -> Iterator[Path]:
    """Yield a folder for what a training ends with, `FILES` and `MODEL` in it; it is removed unless it is kept."""
    root = cache_folder() / "results"
    root.mkdir(exist_ok=True)
    with make_scratch(root) as folder:
        for part in (FILES, MODEL):
            (folder / part).mkdir()
        yield folder


@contextmanager
def send_metrics(run_id: str, checkpoints: Checkpoints) -> Iterator[MetricSender]:
    """Yield what sends the metrics of a run that trains; where the training fails, they are delivered, or kept.

    What is kept of an earlier try of the same run is sent, too. The checkpoints are the run's until the block ends.
    """
    checkpoints.owner = Owner(run_id, tell_server(), str(describe_process()["machine"]))
    kept = undelivered_folder(run_id)
    with MetricSender(run_id, _read_metrics(kept)) as sender:
        try:
            yield sender
        except BaseException as error:
            if not isinstance(error, _KeptError):
                _deliver_or_keep(sender, tell_server(), "")
            checkpoints.disown()
            raise
        checkpoints.disown()
        shutil.rmtree(kept, ignore_errors=True)


def settle(owner: Owner, checkpoint: Checkpoint | None) -> None:
    """Deliver, or keep, what a training that was killed had measured; whoever goes on with it logs the rest."""
    sender = MetricSender(owner.run_id, _read_metrics(undelivered_folder(owner.run_id)))
    if checkpoint:
        for entry, timestamp_ms in zip(checkpoint.history, checkpoint.timestamps_ms, strict=True):
            sender.log_epoch(entry, timestamp_ms)
    with sender if owner.server == tell_server() else nullcontext():
        _deliver_or_keep(sender, owner.server, f"note: run {owner.run_id} was killed; ")


def _deliver_or_keep(sender: MetricSender, server: str, why: str) -> None:
    """Give metrics a last chance to arrive, or keep them, and say so."""
    folder = undelivered_folder(sender.run_id)
    # A finished training, whose process was killed while it was being kept, waits to be delivered whole.
    if server == tell_server() and not (folder / RECORD).exists() and is_reachable():
        with suppress(UserError):  # a refusal: what made the training fail, or what the next one does, is to be heard
            if sender.drain(_LAST_CHANCE_SECONDS):
                shutil.rmtree(folder, ignore_errors=True)
                return
    kept = _keep(sender, server)
    logger.warning(
        "%sits results are kept in %s; `python -m pawprint.lineage deliver %s` delivers them", why, kept, kept.name
    )


def _keep(sender: MetricSender, server: str, results: Path | None = None) -> Path:
    """Keep a run's metrics, and its results if there are any, for the server that they belong to."""
    folder = undelivered_folder(sender.run_id)
    place = results or folder
    place.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps({"step": one.step, "timestamp": one.timestamp, "metrics": {one.key: one.value}})
        for one in sender.metrics
    )
    write_durably("".join(f"{line}\n" for line in lines).encode(), place / METRICS)
    if results:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        results.replace(folder)
    write_durably(server.encode(), folder / SERVER)
    return folder


def _read_metrics(folder: Path) -> list[Metric]:
    """Read the metrics that are kept in a folder, if any are."""
    if not (folder / METRICS).is_file():
        return []
    lines = map(json.loads, (folder / METRICS).read_bytes().splitlines())
    return [
        Metric(name, value, line["timestamp"], line["step"])
        for line in lines
        for name, value in line["metrics"].items()
    ]


def undelivered_folder(run_id: str = "") -> Path:
    """Return where results are kept that could not be delivered, all of them or a run's."""
    return cache_folder() / "undelivered" / run_id


def list_undelivered() -> list[str]:
    """Return the runs whose results wait to be delivered."""
    return sorted(path.parent.name for path in undelivered_folder().glob(f"*/{SERVER}"))


def log_training(sender: MetricSender, results: Path, finished: FinishedTraining) -> LoggedPhotoModel:
    """Log a finished training to the active run, or keep it where that can't be done.

    A server that is away is waited for, as long as PAWPRINT_WAIT_MINUTES says.

    Args:
        sender: of the run's metrics.
        results: the folder of `open_results`, with all that is to be logged.
        finished: what else the run is told.

    Raises:
        UserError: it is kept; the message says where, why, and the command that delivers it.
    """
    content = asdict(finished) | {"schema_version": SCHEMA_VERSION}
    write_durably(json.dumps(content).encode(), results / RECORD)
    try:
        _drain(sender)
        return _log(results, finished)
    except (UserError, MlflowException, OSError) as error:
        reason = explain_full_disk(error, cache_folder()) or error
        raise _KeptError(
            f"the training has ended, but its results could not be delivered to {tell_server()}: {reason}. "
            f"Everything is kept in {_keep(sender, tell_server(), results)}; "
            f"`python -m pawprint.lineage deliver {finished.run_id}` delivers it later"
        ) from error


def deliver(run_id: str) -> str:
    """Log what was kept of a run's training, end the run, and remove what was kept; returns what was done.

    Raises:
        UserError: nothing is kept of it, or it can't be delivered now either; it stays then.
    """
    folder = undelivered_folder(run_id)
    if run_id not in list_undelivered():
        known = ", ".join(list_undelivered()) or "none"
        raise UserError(f"nothing is kept of run {run_id} in {folder.parent}; runs that wait there: {known}")
    try:
        with MetricSender(run_id, _read_metrics(folder)) as sender:
            _drain(sender)
        # A training that failed has left its metrics only.
        done = _finish(folder) if (folder / RECORD).is_file() else "metrics"
        if MlflowClient().get_run(run_id).info.status == "RUNNING":
            MlflowClient().set_terminated(run_id, "FAILED")
    except (UserError, MlflowException, OSError) as error:
        raise UserError(
            f"{tell_server()} does not take the results of run {run_id}: {error}; they stay in {folder}"
        ) from error
    shutil.rmtree(folder)
    return f"run {run_id}: {done} delivered to {tell_server()}"


def _finish(folder: Path) -> str:
    """Log what is kept of a finished training, and end its run; returns what was done."""
    finished = _read(folder / RECORD)
    with mlflow.start_run(run_id=finished.run_id) as run:
        model = _log(folder, finished)
        if ERROR_TAG in run.data.tags:
            MlflowClient().delete_tag(finished.run_id, ERROR_TAG)
    # The run ended with its training, not with the delivery.
    MlflowClient().set_terminated(finished.run_id, end_time=finished.ended_ms)
    return f"metrics, files and {model.uri}"


def kept_address(run_id: str) -> str:
    """Return the address of the tracking server that a kept training belongs to."""
    return (undelivered_folder(run_id) / SERVER).read_text(encoding="utf-8")


def _drain(sender: MetricSender) -> None:
    """Wait for the server to take all metrics, and say so if that takes a while."""
    if sender.drain(_AT_ONCE_SECONDS):
        return
    seconds = wait_seconds()
    click.echo(
        f"{tell_server()} has not taken all the metrics yet; waiting for it, {seconds / 60:g} minutes at most", err=True
    )
    if not sender.drain(seconds):
        raise UserError("it is away")


def _log(folder: Path, finished: FinishedTraining) -> LoggedPhotoModel:
    log_folder(folder / FILES)
    if (folder / EXPORT).is_dir():
        log_folder(folder / EXPORT, EXPORT)
    model = log_model_files(folder / MODEL, parameters=finished.parameters)
    describe_run(*finished.description, f"It became {link(model.uri)}.")
    set_tags(**finished.tags)
    return model


def _read(path: Path) -> FinishedTraining:
    content = json.loads(path.read_text(encoding="utf-8"))
    version = content.pop("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version}, this code reads {SCHEMA_VERSION}; "
            "deliver it with the version of the project that trained"
        )
    return FinishedTraining(**content | {"description": tuple(content["description"])})
