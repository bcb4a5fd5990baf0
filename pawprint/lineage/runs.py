"""A step as an MLflow run: started once, tagged with what it ran on, and with its error if it fails."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.lineage.heartbeat import give_signs_of_life
from pawprint.lineage.locks import wait_for_other_writers
from pawprint.lineage.processes import end_with_starter
from pawprint.lineage.server import check_server
from pawprint.lineage.surroundings import describe_surroundings
from pawprint.lineage.uncommitted import Uncommitted, read_uncommitted
from pawprint.photos.secrets import hide_secrets

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""The last lines of what made a run fail, for the parent that reports it and the person who opens the page."""

INTERRUPTED = "interrupted"
"""What that tag says where a person, or the machine, ended the run."""

PARENT_TAG = "mlflow.parentRunId"
DIFF = "uncommitted.diff"
"""Where a run keeps what its tree held beyond the commit; the tag `pawprint.uncommitted_sha256` is its digest."""
CONSOLE = "logs/console.txt"
"""Where main and tune keep what a person saw."""
KEY_VARIABLE = "PAWPRINT_STEP_TAGS"
"""Where main leaves the tags by which a step's run will be found again, as JSON."""

NOTE_TAG = "mlflow.note.content"
"""Where MLflow's page takes a run's description from."""
_MAX_TAG = 8000
"""What MLflow's stores have room for."""


@contextmanager
def start_step(*, system_metrics: bool = False) -> Iterator[mlflow.ActiveRun]:
    """Starts the run of this step, tags it, and yields it; an error is tagged and passed on.

    The run ends with the step that started it. What earlier runs on this machine have left RUNNING when they were
    killed is marked by the run that a person started.

    What the tree holds beyond the commit that MLflow notes is kept as `uncommitted.diff` on the run that a person
    started: the commit alone would lie. What is missing in it, the tag `pawprint.uncommitted_left_out` says.

    Args:
        system_metrics: log use of CPU, memory, disk and network every few seconds.

    Under `mlflow run` this is the run that the launcher made (`MLFLOW_RUN_ID`, which is taken by the first
    `start_run` of a process); a step started by hand gets a new one.
    """
    # It announces its start and its end, which is no news.
    logging.getLogger("mlflow.system_metrics.system_metrics_monitor").setLevel(logging.WARNING)
    from pawprint.lineage.orphans import mark_own_orphans  # it reads the tags that are named here

    wait_for_other_writers()
    if KEY_VARIABLE not in os.environ:  # main has asked already
        check_server()
    with (
        mlflow.start_run(log_system_metrics=system_metrics) as run,
        end_with_starter(),
        give_signs_of_life(run.info.run_id),
    ):
        # A process that this one starts must not take this run for its own.
        os.environ.pop("MLFLOW_RUN_ID", None)
        try:
            set_tags(**describe_surroundings(), **json.loads(os.environ.pop(KEY_VARIABLE, "{}")))
            if PARENT_TAG not in run.data.tags:
                _log_uncommitted(read_uncommitted())
                mark_own_orphans(run.info.experiment_id)
            yield run
        except KeyboardInterrupt:
            mlflow.set_tag(ERROR_TAG, INTERRUPTED)
            mlflow.end_run("KILLED")
            raise
        except BaseException as error:
            mlflow.set_tag(ERROR_TAG, _last_lines(error))
            raise


def _log_uncommitted(uncommitted: Uncommitted) -> None:
    if uncommitted.diff:
        mlflow.log_text(uncommitted.diff, DIFF)
        set_tags(uncommitted_sha256=hashlib.sha256(uncommitted.diff.encode()).hexdigest())
    set_tags(uncommitted_left_out=uncommitted.left_out or None)


def log_console(run_id: str, text: str) -> None:
    """Logs what a person saw while a run went on, which is over by now."""
    # The process is about to end, perhaps because the server is away: it is not waited for as long as for a result.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    if text:
        MlflowClient().log_text(run_id, text, CONSOLE)


def set_tags(**tags: object) -> None:
    """Tags the active run with `pawprint.<name>`; what is None is left out."""
    mlflow.set_tags({PREFIX + name: str(value)[:_MAX_TAG] for name, value in tags.items() if value is not None})


def get_tag(run: Run, name: str) -> str | None:
    """Returns the value of `pawprint.<name>`, or None."""
    value: str | None = run.data.tags.get(PREFIX + name)
    return value


def _last_lines(error: BaseException) -> str:
    text = hide_secrets(str(error).strip()) or type(error).__name__
    return "\n".join(text.splitlines()[-10:])[-_MAX_TAG:]
