"""Start a step from another step with MLflow's project API, as a child of the active run."""

import atexit
import functools
import os
import tempfile
from collections.abc import Mapping

import mlflow
import psutil
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import ExecutionException, MlflowException
from mlflow.projects.submitted_run import LocalSubmittedRun

from pawprint.base.errors import UserError
from pawprint.base.handover import handing_on
from pawprint.tracking.active import active_run
from pawprint.tracking.processes import name_this_process
from pawprint.tracking.server import describe_server, is_reachable
from pawprint.tracking.tags import ERROR_TAG, INTERRUPTED

_GRACE_SECONDS = 20
"""Seconds that a child gets to end by itself before it is killed."""


def run_child(
    entry_point: str, parameters: Mapping[str, object], *, run_name: str, tags: Mapping[str, str] | None = None
) -> Run:
    """Run an entry point of this project as a child of the active run, and wait for it.

    Args:
        entry_point: name in MLproject.
        parameters: all its parameters, with the names of MLproject.
        run_name: name in MLflow's list of runs.
        tags: tags `pawprint.<name>` that the child sets on its run, so that they are set even if this process ends.

    Returns:
        The finished run of the child.

    Raises:
        UserError: the child failed; the message names the run and contains its last error lines.
    """
    parent = active_run()
    try:
        submitted = _launch(entry_point, parameters, parent, run_name=run_name, tags=tags, synchronous=True)
    except ExecutionException as error:
        if not is_reachable():
            raise _away(run_name) from error
        child = _newest_child(parent)
        if child is None:
            raise UserError(f"{run_name} could not be started: {error}") from error
        if child.data.tags.get(ERROR_TAG) == INTERRUPTED:
            _mark_killed(child)
        reason = child.data.tags.get(ERROR_TAG, "its own lines above say why")
        raise UserError(f"{run_name} failed (run {child.info.run_id}): {reason}") from error
    except MlflowException as error:
        if is_reachable():
            raise
        raise _away(run_name) from error
    except KeyboardInterrupt:
        # MLflow has already ended the child.
        if is_reachable() and (child := _newest_child(parent)) and child.info.status == "FAILED":
            _mark_killed(child)
        raise
    return MlflowClient().get_run(submitted.run_id)


def start_child(
    entry_point: str, parameters: Mapping[str, object], *, run_name: str, tags: Mapping[str, str] | None = None
) -> LocalSubmittedRun:
    """Start an entry point as `run_child` does, without waiting for it.

    It runs in its own process group, which Ctrl-C in a terminal does not reach: end it with `end_child`.

    Raises:
        UserError: the child could not be started.
    """
    try:
        return _launch(entry_point, parameters, active_run(), run_name=run_name, tags=tags, synchronous=False)
    except ExecutionException as error:
        raise UserError(f"{run_name} could not be started: {error}") from error
    except FileNotFoundError as error:
        # MLflow creates the run before it starts the command `mlflow`, which was not found.
        if child := _newest_child(active_run()):
            MlflowClient().set_terminated(child.info.run_id, "FAILED")
        raise UserError(
            f"{run_name} could not be started: {error.filename!r} is not on the PATH; activate the environment first"
        ) from error


def end_child(child: LocalSubmittedRun, reason: str) -> None:
    """End a running child with all its processes, and mark its run as KILLED with the reason."""
    try:
        launcher = psutil.Process(child.command_proc.pid)
        processes = [launcher, *launcher.children(recursive=True)]
    except psutil.NoSuchProcess:  # just ended
        processes = []
    child.cancel()
    # The launcher ends at once; the step still needs time to tag its run as interrupted.
    for process in psutil.wait_procs(processes, timeout=_GRACE_SECONDS)[1]:
        process.kill()
    client = MlflowClient()
    client.set_tag(child.run_id, ERROR_TAG, reason)
    client.set_terminated(child.run_id, "KILLED")


def _launch(
    entry_point: str,
    parameters: Mapping[str, object],
    parent: mlflow.ActiveRun,
    *,
    run_name: str,
    tags: Mapping[str, str] | None,
    synchronous: bool,
) -> LocalSubmittedRun:
    # The child would inherit it, and MLflow would prefer it to the experiment id.
    os.environ.pop("MLFLOW_EXPERIMENT_NAME", None)
    with handing_on(tags=dict(tags or {}), name=run_name, starter=name_this_process()):
        submitted: LocalSubmittedRun = mlflow.projects.run(
            uri=".",
            entry_point=entry_point,
            parameters={name: str(value) for name, value in parameters.items()},
            experiment_id=parent.info.experiment_id,
            env_manager="local",  # the parent's environment, already built
            run_name=run_name,
            synchronous=synchronous,
            storage_dir=_storage().name,
        )
    return submitted


@functools.cache
def _storage() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the files that MLflow creates for each run (for `path` parameters, which we do not use).

    MLflow never deletes them; this folder is deleted when the process ends.
    """
    storage = tempfile.TemporaryDirectory(prefix="pawprint-")
    atexit.register(storage.cleanup)
    return storage


def _away(run_name: str) -> UserError:
    return UserError(
        f"{describe_server()} was away when {run_name} ended, and what became of it is not known; its own lines above "
        "say more. The same command again goes on from the steps that had finished"
    )


def _mark_killed(child: Run) -> None:
    """Mark a child as KILLED again.

    The child does it itself, but MLflow 3.17's launcher sets FAILED for every exit code other than 0: its check whether
    the run has already ended compares a name with a number. For main's own run the launcher writes last, so that run
    stays FAILED.
    """
    MlflowClient().set_terminated(child.info.run_id, "KILLED")


def _newest_child(parent: mlflow.ActiveRun) -> Run | None:
    children = MlflowClient().search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return children[0] if children else None
