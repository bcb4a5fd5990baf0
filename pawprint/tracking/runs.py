"""A step as an MLflow run: started once, tagged with what it ran on, and with its error if it fails."""

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
from pawprint.tracking.environment import describe_surroundings
from pawprint.tracking.heartbeat import give_signs_of_life
from pawprint.tracking.locks import wait_for_other_writers
from pawprint.tracking.orphans import mark_own_orphans
from pawprint.tracking.processes import end_with_starter
from pawprint.tracking.scratch import use_scratch
from pawprint.tracking.server import (
    WAIT_VARIABLE,
    be_brief,
    be_discreet,
    be_patient,
    check_server,
    describe_server,
    is_reachable,
    wait_seconds,
)
from pawprint.tracking.tags import (
    ENTRY_POINT_TAG,
    ERROR_TAG,
    INTERRUPTED,
    MOST_CHARACTERS,
    NAME_TAG,
    PARENT_TAG,
    SOURCE_TAGS,
    set_tags,
)
from pawprint.tracking.uncommitted import Uncommitted, read_uncommitted
from pawprint.tracking.uploads import store_text

DIFF = "uncommitted.diff"
"""Where a run keeps what its tree held beyond the commit; the tag `environment` has its digest."""
CONSOLE = "logs/console.txt"
"""Where main and tune keep what a person saw."""
LAST_WAIT_SECONDS = 20
"""That the store may be away while this is written."""


@contextmanager
def start_step(*, system_metrics: bool = False) -> Iterator[mlflow.ActiveRun]:
    """Starts the run of this step, tags it, and yields it; an error is tagged and passed on.

    The run ends with the step that started it. What earlier runs on this machine have left RUNNING when they were
    killed is marked by the run that a person started.

    What the tree holds beyond the commit that MLflow notes is kept as `uncommitted.diff` on the run that a person
    started: the commit alone would lie. What is missing in it, the tag `environment` says.

    Args:
        system_metrics: log use of CPU, memory, disk and network every few seconds.

    Under `mlflow run` this is the run that the launcher made (`MLFLOW_RUN_ID`, which is taken by the first
    `start_run` of a process); a step started by hand gets a new one.
    """
    be_patient()
    be_discreet()
    wait_for_other_writers()
    if read_handed_on("tags") is None:  # else main has asked already
        check_server()
    run = mlflow.start_run(log_system_metrics=system_metrics)
    try:
        with use_scratch(), end_with_starter(), give_signs_of_life(run.info.run_id):
            # A process that this one starts must not take this run for its own.
            os.environ.pop("MLFLOW_RUN_ID", None)
            _name_run(run)
            _hide_source_secrets(run)
            surroundings = describe_surroundings()
            set_tags(environment=surroundings, **(take_handed_on("tags") or {}))
            if PARENT_TAG not in run.data.tags:
                _log_uncommitted(read_uncommitted(), run, surroundings)
                mark_own_orphans(run.info.experiment_id)
            yield run
    except (KeyboardInterrupt, BrokenPipeError):
        # A broken pipe: main, through which its steps speak, was killed, and this step noticed it by its own voice.
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
    """Tags the run that `mlflow run` made for this process with what was wrong, where no step has taken it on.

    It would stand in everybody's list under a name that MLflow made up, failed without a word. A server that is away
    is not waited for.
    """
    run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:  # a step started by hand, or one that had begun
        return
    be_brief()
    client = MlflowClient()
    _name_run(client.get_run(run_id))
    client.set_tag(run_id, ERROR_TAG, reason[-MOST_CHARACTERS:])


def _name_run(run: Run) -> None:
    """Gives the run its step's name, so that it is known in MLflow's list, unless `--run-name` has given it another.

    MLflow makes up a name for a run whose launcher was told none.
    """
    name = take_handed_on("name")
    client = MlflowClient()
    if name is None and _is_made_up(client.get_run(run.info.run_id).info.run_name):
        name = run.data.tags.get(ENTRY_POINT_TAG)
    if name:
        client.set_tag(run.info.run_id, NAME_TAG, name)


def _is_made_up(name: str | None) -> bool:
    """Whether a name is one of those that MLflow draws, `nimble-lynx-512` say; it does not tell which runs it named."""
    words = (name or "").split("-")
    drawn_from = (name_utils._GENERATOR_PREDICATES, name_utils._GENERATOR_NOUNS)
    return len(words) == 3 and words[0] in drawn_from[0] and words[1] in drawn_from[1] and words[2].isdecimal()


def _hide_source_secrets(run: mlflow.ActiveRun) -> None:
    """Takes the token out of the code's address: clones in CI have one there, and MLflow writes down what it finds."""
    told = {name: run.data.tags[name] for name in SOURCE_TAGS if name in run.data.tags}
    bare = {name: drop_userinfo(address) for name, address in told.items()}
    if bare != told:
        mlflow.set_tags(bare)
        run.data.tags.update(bare)  # which reused steps take theirs from


def artifact_folder(run: mlflow.ActiveRun) -> list[Path]:
    """Returns the folder that a run's artifacts go to, or none where they are not on this machine."""
    place = local_path(run.info.artifact_uri)
    return [] if place is None else [place]


def _written_folders(run: mlflow.ActiveRun) -> Iterator[Path]:
    """Yields the folders that a step writes to, beside the temporary one: they may lie on disks of their own."""
    with suppress(UserError):
        yield cache_folder()
    yield from artifact_folder(run)


def _end_run(status: str, reason: str) -> None:
    """Ends the active run with a reason; a server that is away is left alone, so that the error itself is heard."""
    if not is_reachable():
        be_brief()
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
    """Logs what a person saw while a run went on, which is over by now."""
    if not text:
        return
    # The process is about to end, perhaps because the server is away: it is not waited for as long as for a result.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ[WAIT_VARIABLE] = str(min(LAST_WAIT_SECONDS, wait_seconds()) / 60)
    store_text(text, CONSOLE, str(MlflowClient().get_run(run_id).info.artifact_uri))


def _last_lines(error: BaseException) -> str:
    text = hide_secrets(str(error).strip()) or type(error).__name__
    return "\n".join(text.splitlines()[-10:])[-MOST_CHARACTERS:]
