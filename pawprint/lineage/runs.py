"""A step as an MLflow run: started once, tagged with what it ran on, and with its error if it fails."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.entities import Run

from pawprint.lineage.locks import wait_for_other_writers
from pawprint.lineage.surroundings import describe_surroundings, read_uncommitted
from pawprint.photos.secrets import hide_secrets

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""The last lines of what made a run fail, for the parent that reports it and the person who opens the page."""

INTERRUPTED = "interrupted"
"""What that tag says where a person, or the machine, ended the run."""

PARENT_TAG = "mlflow.parentRunId"
DIFF = "uncommitted.diff"
"""Where a run keeps what its tree held beyond the commit; the tag `pawprint.uncommitted_sha256` is its digest."""
KEY_VARIABLE = "PAWPRINT_STEP_TAGS"
"""Where main leaves the tags by which a step's run will be found again, as JSON."""

NOTE_TAG = "mlflow.note.content"
"""Where MLflow's page takes a run's description from."""
_MAX_TAG = 8000
"""What MLflow's stores have room for."""


@contextmanager
def start_step(*, system_metrics: bool = False) -> Iterator[mlflow.ActiveRun]:
    """Starts the run of this step, tags it, and yields it; an error is tagged and passed on.

    What tracked files hold beyond the commit that MLflow notes is kept as `uncommitted.diff` on the run that a
    person started: the commit alone would lie.

    Args:
        system_metrics: log use of CPU, memory, disk and network every few seconds.

    Under `mlflow run` this is the run that the launcher made (`MLFLOW_RUN_ID`, which is taken by the first
    `start_run` of a process); a step started by hand gets a new one.
    """
    # It announces its start and its end, which is no news.
    logging.getLogger("mlflow.system_metrics.system_metrics_monitor").setLevel(logging.WARNING)
    wait_for_other_writers()
    with mlflow.start_run(log_system_metrics=system_metrics) as run:
        # A process that this one starts must not take this run for its own.
        os.environ.pop("MLFLOW_RUN_ID", None)
        set_tags(**describe_surroundings(), **json.loads(os.environ.pop(KEY_VARIABLE, "{}")))
        if PARENT_TAG not in run.data.tags and (diff := read_uncommitted()):
            mlflow.log_text(diff, DIFF)
            set_tags(uncommitted_sha256=hashlib.sha256(diff.encode()).hexdigest())
        try:
            yield run
        except KeyboardInterrupt:
            mlflow.set_tag(ERROR_TAG, INTERRUPTED)
            mlflow.end_run("KILLED")
            raise
        except BaseException as error:
            mlflow.set_tag(ERROR_TAG, _last_lines(error))
            raise


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
