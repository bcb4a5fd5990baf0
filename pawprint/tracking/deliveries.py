"""Deliver the results of a training to its run: at once, or by a later command.

During a training its metrics are in its checkpoints. At its end the results are written to a folder in the cache and
logged from there: `files/` (the run's artifacts), `model/` (written by `write_model_files`), `export/` if requested,
and `training.json` when all of these are complete. If the tracking server or the artifact store stays unreachable, the
folder becomes `undelivered/<run id>`, with all metrics in `metrics.jsonl` and, written last, `server.txt` with the
address of the server.
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
from pawprint.tracking.server import describe_server, is_reachable, wait_seconds
from pawprint.tracking.tags import ERROR_TAG, set_tags
from pawprint.training.checkpoint_file import Checkpoint
from pawprint.training.checkpoints import Checkpoints, Owner

SCHEMA_VERSION = 1
RECORD, METRICS, SERVER = "training.json", "metrics.jsonl", "server.txt"
FILES, MODEL, EXPORT = "files", "model", "export"
_SILENT_WAIT_SECONDS = 3
"""Seconds to wait for the server to take the metrics before a message says so."""
_FAILED_RUN_WAIT_SECONDS = 10
"""Seconds to wait for the server to take the metrics of a training that failed or was killed."""

logger = logging.getLogger(__name__)


class _KeptError(UserError):
    """A finished training could not be delivered; all its results are stored in the cache."""


@dataclass(frozen=True)
class FinishedTraining:
    """What is logged of a training, besides its metrics and files.

    Attributes:
        run_id: id of the run.
        parameters: parameters of the training, for the model's page.
        tags: tags of the run, without their prefix.
        description: paragraphs of the run's page; a link to the model follows them.
        ended_ms: end of the training, in milliseconds since 1970.
    """

    run_id: str
    parameters: Mapping[str, object]
    tags: Mapping[str, object]
    description: tuple[str, ...]
    ended_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@contextmanager
def open_results() -> Iterator[Path]:
    """Yield a folder for the results of a training, with `FILES` and `MODEL`; it is removed unless `_keep` moves it."""
    root = cache_folder() / "results"
    root.mkdir(exist_ok=True)
    with make_scratch(root) as folder:
        for part in (FILES, MODEL):
            (folder / part).mkdir()
        yield folder


@contextmanager
def send_metrics(run_id: str, checkpoints: Checkpoints) -> Iterator[MetricSender]:
    """Yield the sender of a training run's metrics; if the training fails, they are delivered or stored.

    Stored metrics of an earlier attempt of the same run are also sent. The run owns the checkpoints until the block
    ends.
    """
    checkpoints.owner = Owner(run_id, describe_server(), str(describe_process()["machine"]))
    kept = undelivered_folder(run_id)
    with MetricSender(run_id, _read_metrics(kept)) as sender:
        try:
            yield sender
        except BaseException as error:
            if not isinstance(error, _KeptError):
                _deliver_or_keep(sender, describe_server(), "")
            checkpoints.disown()
            raise
        checkpoints.disown()
        shutil.rmtree(kept, ignore_errors=True)


def settle(owner: Owner, checkpoint: Checkpoint | None) -> None:
    """Deliver or store the metrics of a training that was killed; the run that resumes it logs the later epochs."""
    sender = MetricSender(owner.run_id, _read_metrics(undelivered_folder(owner.run_id)))
    if checkpoint:
        for entry, timestamp_ms in zip(checkpoint.history, checkpoint.timestamps_ms, strict=True):
            sender.log_epoch(entry, timestamp_ms)
    with sender if owner.server == describe_server() else nullcontext():
        _deliver_or_keep(sender, owner.server, f"note: run {owner.run_id} was killed; ")


def _deliver_or_keep(sender: MetricSender, server: str, why: str) -> None:
    """Try once more to deliver metrics; else store them and print a warning."""
    folder = undelivered_folder(sender.run_id)
    # If the process was killed while it stored a finished training, that is to be delivered as a whole.
    if server == describe_server() and not (folder / RECORD).exists() and is_reachable():
        with suppress(UserError):  # the server refuses; the error of the training matters more
            if sender.drain(_FAILED_RUN_WAIT_SECONDS):
                shutil.rmtree(folder, ignore_errors=True)
                return
    kept = _keep(sender, server)
    logger.warning(
        "%sits results are kept in %s; `python -m pawprint.lineage deliver %s` delivers them", why, kept, kept.name
    )


def _keep(sender: MetricSender, server: str, results: Path | None = None) -> Path:
    """Store a run's metrics and results, if any, with the server's address; return the folder."""
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
    """Return the metrics that are stored in a folder."""
    if not (folder / METRICS).is_file():
        return []
    lines = map(json.loads, (folder / METRICS).read_bytes().splitlines())
    return [
        Metric(name, value, line["timestamp"], line["step"])
        for line in lines
        for name, value in line["metrics"].items()
    ]


def undelivered_folder(run_id: str = "") -> Path:
    """Return the folder of undelivered results, of all runs or of one."""
    return cache_folder() / "undelivered" / run_id


def list_undelivered() -> list[str]:
    """Return the ids of the runs with undelivered results."""
    return sorted(path.parent.name for path in undelivered_folder().glob(f"*/{SERVER}"))


def log_training(sender: MetricSender, results: Path, finished: FinishedTraining) -> LoggedPhotoModel:
    """Log a finished training to the active run, or store it if that fails.

    If the server is unreachable, wait for it for up to PAWPRINT_WAIT_MINUTES.

    Args:
        sender: sender of the run's metrics.
        results: the folder of `open_results`, with all files to log.
        finished: the rest of what is logged.

    Raises:
        UserError: the training is stored; the message says where, why, and which command delivers it.
    """
    content = asdict(finished) | {"schema_version": SCHEMA_VERSION}
    write_durably(json.dumps(content).encode(), results / RECORD)
    try:
        _drain(sender)
        return _log(results, finished)
    except (UserError, MlflowException, OSError) as error:
        reason = explain_full_disk(error, cache_folder()) or error
        raise _KeptError(
            f"the training has ended, but its results could not be delivered to {describe_server()}: {reason}. "
            f"Everything is kept in {_keep(sender, describe_server(), results)}; "
            f"`python -m pawprint.lineage deliver {finished.run_id}` delivers it later"
        ) from error


def deliver(run_id: str) -> str:
    """Log the stored results of a run, end the run, remove the stored results, and return what was done.

    Raises:
        UserError: nothing is stored of the run, or it still cannot be delivered and stays stored.
    """
    folder = undelivered_folder(run_id)
    if run_id not in list_undelivered():
        known = ", ".join(list_undelivered()) or "none"
        raise UserError(f"nothing is kept of run {run_id} in {folder.parent}; runs that wait there: {known}")
    try:
        with MetricSender(run_id, _read_metrics(folder)) as sender:
            _drain(sender)
        # Only metrics are stored of a training that failed.
        done = _finish(folder) if (folder / RECORD).is_file() else "metrics"
        if MlflowClient().get_run(run_id).info.status == "RUNNING":
            MlflowClient().set_terminated(run_id, "FAILED")
    except (UserError, MlflowException, OSError) as error:
        raise UserError(
            f"{describe_server()} does not take the results of run {run_id}: {error}; they stay in {folder}"
        ) from error
    shutil.rmtree(folder)
    return f"run {run_id}: {done} delivered to {describe_server()}"


def _finish(folder: Path) -> str:
    """Log the stored results of a finished training, end its run, and return what was done."""
    finished = _read(folder / RECORD)
    with mlflow.start_run(run_id=finished.run_id) as run:
        model = _log(folder, finished)
        if ERROR_TAG in run.data.tags:
            MlflowClient().delete_tag(finished.run_id, ERROR_TAG)
    # The end of the run is the end of its training, not of the delivery.
    MlflowClient().set_terminated(finished.run_id, end_time=finished.ended_ms)
    return f"metrics, files and {model.uri}"


def kept_address(run_id: str) -> str:
    """Return the address of the tracking server for a stored training."""
    return (undelivered_folder(run_id) / SERVER).read_text(encoding="utf-8")


def _drain(sender: MetricSender) -> None:
    """Wait for the server to take all metrics; print a message if it takes longer than `_SILENT_WAIT_SECONDS`."""
    if sender.drain(_SILENT_WAIT_SECONDS):
        return
    seconds = wait_seconds()
    click.echo(
        f"{describe_server()} has not taken all the metrics yet; waiting for it, {seconds / 60:g} minutes at most",
        err=True,
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
