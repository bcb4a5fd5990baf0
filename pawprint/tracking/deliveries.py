"""What a training leaves, on its way to its run: written to disk, logged from there at once or by a later command.

A folder `spool/<run id>` in the cache holds it all while a training runs: `server.txt`, `process.json`,
`metrics.jsonl`, then `files/` (the run's artifacts), `model/` (as `write_model_files` writes it), `export/` where that
was asked for and, when all that is whole, `training.json`. Where the tracking server, or the artifact store, stays
away, the folder is moved to `undelivered/<run id>`.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.base.files import write_json
from pawprint.base.space import explain_full_disk
from pawprint.tracking.descriptions import describe_run, link
from pawprint.tracking.digests import log_folder
from pawprint.tracking.models import LoggedPhotoModel, log_model_files
from pawprint.tracking.processes import describe_process, tell_end
from pawprint.tracking.server import be_brief, is_reachable, tell_server, wait_seconds
from pawprint.tracking.spool import Spool
from pawprint.tracking.tags import ERROR_TAG, set_tags

SCHEMA_VERSION = 1
RECORD, SERVER, PROCESS = "training.json", "server.txt", "process.json"
FILES, MODEL, EXPORT = "files", "model", "export"
MAX_AGE_SECONDS = 14 * 24 * 3600
"""A spool that nobody touched for so long is of a process that was killed, if only on a machine that can't be asked."""
_AT_ONCE_SECONDS = 3
_LAST_CHANCE_SECONDS = 10
"""What a training that failed, or was killed, gives its metrics to arrive; the server is mostly there."""

logger = logging.getLogger(__name__)


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
def open_spool(run_id: str) -> Iterator[Spool]:
    """Yield the spool of a run that trains; where the training fails, its metrics get a last chance to arrive.

    Its folder is removed with that, or moved to where undelivered ones are kept; a run that goes on takes it back.
    """
    folder, kept = cache_folder() / "spool" / run_id, undelivered_folder(run_id)
    folder.parent.mkdir(exist_ok=True)
    for path in folder.parent.iterdir():
        if path != folder:
            _settle(path)
    if kept.is_dir() and not folder.exists():
        kept.replace(folder)
        (folder / RECORD).unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    write_json(describe_process() | {"started_ms": time.time_ns() // 1_000_000}, folder / PROCESS)
    with Spool(folder, run_id) as spool:
        (folder / SERVER).write_text(tell_server(), encoding="utf-8")
        for part in (FILES, MODEL):
            (folder / part).mkdir(exist_ok=True)
        try:
            yield spool
        except BaseException:
            _save_metrics(spool)
            raise
        spool.remove()


def _settle(path: Path) -> None:
    """Deliver, or keep, the metrics of a training that was killed; clear what nobody touched for long.

    The rest of it is no loss: whoever goes on with the training logs it.
    """
    with suppress(OSError):  # another process settles it, too
        if not _is_abandoned(path):
            if max(each.stat().st_mtime for each in [path, *path.rglob("*")]) < time.time() - MAX_AGE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
            return
        kept = undelivered_folder(path.name)
        kept.parent.mkdir(exist_ok=True)
        path.replace(kept)  # whoever does this first delivers it
        with suppress(UserError), Spool(kept, kept.name) as spool:  # a refusal: what the training does goes before
            if kept_address(kept.name) == tell_server() and is_reachable() and spool.drain(_LAST_CHANCE_SECONDS):
                spool.remove()
                return
        logger.warning("note: run %s was killed; %s", kept.name, _tell_kept(kept))


def _is_abandoned(path: Path) -> bool:
    """Whether a spool's process is certainly gone."""
    try:
        process = json.loads((path / PROCESS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # just made, or killed then
        return False
    started_ms = process.pop("started_ms")
    return tell_end({name: str(value) for name, value in process.items()}, started_ms=started_ms) is not None


def _save_metrics(spool: Spool) -> None:
    """Deliver the metrics of a training that failed, or keep them."""
    if not spool.folder.exists():
        return  # all is kept already
    with suppress(UserError):  # what made the training fail is to be heard
        # What was learned is not lost with it: the training's checkpoints stay.
        if is_reachable() and spool.drain(_LAST_CHANCE_SECONDS):
            spool.remove()
            return
    logger.warning("%s", _tell_kept(_keep(spool)))


def _tell_kept(kept: Path) -> str:
    return f"its results are kept in {kept}; `python -m pawprint.lineage deliver {kept.name}` delivers them"


def _keep(spool: Spool) -> Path:
    spool.close()
    kept = undelivered_folder(spool.folder.name)
    kept.parent.mkdir(exist_ok=True)
    spool.folder.replace(kept)
    return kept


def undelivered_folder(run_id: str = "") -> Path:
    """Return where results are kept that could not be delivered, all of them or a run's."""
    return cache_folder() / "undelivered" / run_id


def list_undelivered() -> list[str]:
    """Return the runs whose results wait to be delivered."""
    folder = undelivered_folder()
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def log_training(spool: Spool, finished: FinishedTraining) -> LoggedPhotoModel:
    """Log a finished training to the active run from its spool's folder, or keep it where that can't be done.

    A server that is away is waited for, as long as PAWPRINT_WAIT_MINUTES says.

    Raises:
        UserError: it is kept; the message says where, why, and the command that delivers it.
    """
    content = asdict(finished) | {"schema_version": SCHEMA_VERSION}
    write_json(content, spool.folder / f"{RECORD}.part")
    (spool.folder / f"{RECORD}.part").replace(spool.folder / RECORD)
    try:
        _drain(spool)
        return _log(spool.folder, finished)
    except (UserError, MlflowException, OSError) as error:
        reason = explain_full_disk(error, cache_folder()) or error
        raise UserError(
            f"the training has ended, but its results could not be delivered to {tell_server()}: {reason}. "
            f"Everything is kept in {_keep(spool)}; "
            f"`python -m pawprint.lineage deliver {finished.run_id}` delivers it later"
        ) from error


def deliver(run_id: str) -> str:
    """Log what was kept of a run's training, end the run, and remove what was kept; returns what was done.

    Raises:
        UserError: nothing is kept of it, or it can't be delivered now either; it stays then.
    """
    folder = undelivered_folder(run_id)
    if not folder.is_dir():
        known = ", ".join(list_undelivered()) or "none"
        raise UserError(f"nothing is kept of run {run_id} in {folder.parent}; runs that wait there: {known}")
    try:
        # A training that failed has left its metrics only.
        done = _deliver_all(folder) if (folder / RECORD).is_file() else _deliver_metrics(folder)
    except (UserError, MlflowException, OSError) as error:
        raise UserError(
            f"{tell_server()} does not take the results of run {run_id}: {error}; they stay in {folder}"
        ) from error
    shutil.rmtree(folder)
    return f"run {run_id}: {done} delivered to {tell_server()}"


def _deliver_all(folder: Path) -> str:
    finished = _read(folder / RECORD)
    run = mlflow.start_run(run_id=finished.run_id)
    try:
        with Spool(folder, finished.run_id) as spool:
            _drain(spool)
            model = _log(folder, finished)
        if ERROR_TAG in run.data.tags:
            MlflowClient().delete_tag(finished.run_id, ERROR_TAG)
    except BaseException:
        if not is_reachable():
            be_brief()
        with suppress(MlflowException):
            mlflow.end_run("FAILED")
        raise
    mlflow.end_run()
    # The run ended with its training, not with the delivery.
    MlflowClient().set_terminated(finished.run_id, end_time=finished.ended_ms)
    return f"metrics, files and {model.uri}"


def _deliver_metrics(folder: Path) -> str:
    client, run_id = MlflowClient(), folder.name
    with Spool(folder, run_id) as spool:
        _drain(spool)
    if client.get_run(run_id).info.status == "RUNNING":
        client.set_terminated(run_id, "FAILED")
    return "metrics"


def kept_address(run_id: str) -> str:
    """Return the address of the tracking server that a kept training belongs to."""
    return (undelivered_folder(run_id) / SERVER).read_text(encoding="utf-8")


def _drain(spool: Spool) -> None:
    """Wait for the server to take all metrics, and say so if that takes a while."""
    if spool.drain(_AT_ONCE_SECONDS):
        return
    seconds = wait_seconds()
    click.echo(
        f"{tell_server()} has not taken all the metrics yet; waiting for it, {seconds / 60:g} minutes at most", err=True
    )
    if not spool.drain(seconds):
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
