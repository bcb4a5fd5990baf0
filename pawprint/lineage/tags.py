"""Tags of runs, by which this project knows its own, and those of MLflow that it reads: names, writing, reading."""

import mlflow
from mlflow.entities import Run

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""The last lines of what made a run fail, for the parent that reports it and the person who opens the page."""

INTERRUPTED = "interrupted"
"""What that tag says where a person, or the machine, ended the run."""

PARENT_TAG = "mlflow.parentRunId"
SOURCE_TAGS = ("mlflow.source.name", "mlflow.source.git.repoURL")
"""Where MLflow writes down where the code came from."""
NAME_TAG = "mlflow.runName"
ENTRY_POINT_TAG = "mlflow.project.entryPoint"
NOTE_TAG = "mlflow.note.content"
"""Where MLflow's page takes a run's description from."""

MOST_CHARACTERS = 8000
"""What MLflow's stores have room for in a tag."""


def set_tags(**tags: object) -> None:
    """Tags the active run with `pawprint.<name>`; what is None is left out."""
    mlflow.set_tags({PREFIX + name: str(value)[:MOST_CHARACTERS] for name, value in tags.items() if value is not None})


def get_tag(run: Run, name: str) -> str | None:
    """Returns the value of `pawprint.<name>`, or None."""
    value: str | None = run.data.tags.get(PREFIX + name)
    return value
