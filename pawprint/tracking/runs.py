"""The MLflow run of a step: start it, tag it with its environment, and end it with its error if it fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils import name_utils

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.base.files import local_path
from pawprint.base.handover import read_handed_on, take_handed_on
from pawprint.base.secrets import drop_userinfo, hide_secrets
from pawprint.base.space import explain_full_disk
from pawprint.tracking.environment import describe_environment
from pawprint.tracking.heartbeat import send_heartbeats
from pawprint.tracking.locks import wait_for_other_writers
from pawprint.tracking.orphans import mark_own_orphans
from pawprint.tracking.processes import end_with_starter
from pawprint.tracking.scratch import use_scratch
from pawprint.tracking.server import (
    WAIT_VARIABLE,
    check_server,
    describe_server,
    hide_links_with_password,
    is_reachable,
    retry_for_minutes,
    stop_retrying,
    wait_seconds,
)
from pawprint.tracking.tags import (
    ENTRY_POINT_TAG,
    ERROR_TAG,
    INTERRUPTED,
    MAX_TAG_CHARACTERS,
    NAME_TAG,
    PARENT_TAG,
    SOURCE_TAGS,
    set_tags,
)
from pawprint.tracking.uncommitted import Uncommitted, read_uncommitted
from pawprint.tracking.uploads import store_text

DIFF = "uncommitted.diff"
"""Artifact with the uncommitted changes of a run's working copy; the tag `environment` has its digest."""
CONSOLE = "logs/console.txt"
"""Artifact of main and tune with the output that the user saw."""
CONSOLE_LOG_TIMEOUT = 20
"""Seconds to wait for the store when saving console.txt."""


@contextmanager
def start_step(*, system_metrics: bool = False) -> Iterator[mlflow.ActiveRun]:
    """Start the run of this step, tag it, and yield it; an error is tagged and raised again.

    Under `mlflow run` this is the run that the launcher created (`MLFLOW_RUN_ID`, which the first `start_run` of a
    process uses); a step started by hand gets a new run. The run ends when the process that started the step ends.

    A run that a user started, not another step, does two more things. It marks earlier runs on this machine that are
    still RUNNING because they were killed. It logs uncommitted changes as `uncommitted.diff`, since the commit alone
    does not describe the code; the tag `environment` says what is missing in the diff.

    Args:
        system_metrics: log use of CPU, memory, disk and network every few seconds.
    """
    retry_for_minutes()
    hide_links_with_password()
    wait_for_other_writers()
    if read_handed_on("tags") is None:  # else main has checked already
        check_server()
    run = mlflow.start_run(log_system_metrics=system_metrics)
    try:
        with use_scratch(), end_with_starter(), send_heartbeats(run.info.run_id):
            # A process started by this one must not use the same run.
            os.environ.pop("MLFLOW_RUN_ID", None)
            _name_run(run)
            _hide_source_secrets(run)
            surroundings = describe_environment()
            set_tags(environment=surroundings, **(take_handed_on("tags") or {}))
            if PARENT_TAG not in run.data.tags:
                _log_uncommitted(read_uncommitted(), run, surroundings)
                mark_own_orphans(run.info.experiment_id)
            yield run
    except (KeyboardInterrupt, BrokenPipeError):
        # A broken pipe: main, which reads the output of its steps, was killed.
        _end_run("KILLED", INTERRUPTED)
        raise
    except BaseException as error:
        explained = None if isinstance(error, UserError) else explain_full_disk(error, *_written_folders(run))
        _end_run("FAILED", _last_lines(explained or error))
        if explained:
            raise explained from error
        raise
    try:
        mlflow.end_run()
    except MlflowException as error:
        if is_reachable():
            raise
        raise UserError(
            f"everything of run {run.info.run_id} is logged, but {describe_server()} was away when it was to be told "
            "so; run the same command again when it is back"
        ) from error


def tag_refusal(reason: str) -> None:
    """Tag the run that `mlflow run` created for this process with the error, if no step has started it.

    Otherwise the list of runs would show a failed run with a random name and no reason. An unreachable server is not
    waited for.
    """
    run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:  # a step started by hand, or already started
        return
    stop_retrying()
    client = MlflowClient()
    _name_run(client.get_run(run_id))
    client.set_tag(run_id, ERROR_TAG, reason[-MAX_TAG_CHARACTERS:])


def _name_run(run: Run) -> None:
    """Name the run after its step, unless the user gave a name with `--run-name`.

    Without `--run-name` MLflow gives the run a random name.
    """
    name = take_handed_on("name")
    client = MlflowClient()
    if name is None and _is_made_up(client.get_run(run.info.run_id).info.run_name):
        name = run.data.tags.get(ENTRY_POINT_TAG)
    if name:
        client.set_tag(run.info.run_id, NAME_TAG, name)


def _is_made_up(name: str | None) -> bool:
    """Return whether a name is one of MLflow's random names, such as `nimble-lynx-512`; MLflow does not record it."""
    words = (name or "").split("-")
    drawn_from = (name_utils._GENERATOR_PREDICATES, name_utils._GENERATOR_NOUNS)
    return len(words) == 3 and words[0] in drawn_from[0] and words[1] in drawn_from[1] and words[2].isdecimal()


def _hide_source_secrets(run: mlflow.ActiveRun) -> None:
    """Remove tokens from the address of the code, which MLflow tags: clones in CI often have one there."""
    addresses = {name: run.data.tags[name] for name in SOURCE_TAGS if name in run.data.tags}
    bare = {name: drop_userinfo(address) for name, address in addresses.items()}
    if bare != addresses:
        mlflow.set_tags(bare)
        run.data.tags.update(bare)  # reused steps copy these tags


def artifact_folder(run: mlflow.ActiveRun) -> list[Path]:
    """Return the folder of a run's artifacts, or an empty list if they are not on this machine."""
    place = local_path(run.info.artifact_uri)
    return [] if place is None else [place]


def _written_folders(run: mlflow.ActiveRun) -> Iterator[Path]:
    """Yield the folders that a step writes to, besides the temporary one; they may be on different disks."""
    with suppress(UserError):
        yield cache_folder()
    yield from artifact_folder(run)


def _end_run(status: str, reason: str) -> None:
    """End the active run with a reason; do not wait for an unreachable server, so that the error itself is shown."""
    if not is_reachable():
        stop_retrying()
    with suppress(MlflowException):
        mlflow.set_tag(ERROR_TAG, reason)
    with suppress(MlflowException):
        mlflow.end_run(status)


def _log_uncommitted(uncommitted: Uncommitted, run: mlflow.ActiveRun, surroundings: dict[str, object]) -> None:
    diff, left_out = uncommitted.diff, uncommitted.left_out
    if diff or left_out:
        digest = store_text(diff, DIFF, run.info.artifact_uri) if diff else None
        facts = {"uncommitted_sha256": digest, "uncommitted_left_out": left_out or None}
        set_tags(environment={**surroundings, **facts})


def log_console(run_id: str, text: str) -> None:
    """Log the console output of a run that has ended."""
    if not text:
        return
    # The process is about to end, perhaps because the server is unreachable, so the wait is shorter than for results.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ[WAIT_VARIABLE] = str(min(CONSOLE_LOG_TIMEOUT, wait_seconds()) / 60)
    store_text(text, CONSOLE, str(MlflowClient().get_run(run_id).info.artifact_uri))


def _last_lines(error: BaseException) -> str:
    text = hide_secrets(str(error).strip()) or type(error).__name__
    return "\n".join(text.splitlines()[-10:])[-MAX_TAG_CHARACTERS:]
