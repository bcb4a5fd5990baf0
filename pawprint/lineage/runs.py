"""A step as an MLflow run: started once, tagged with what it ran on, and with its error if it fails."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow.entities import Run

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""The last lines of what made a run fail, for the parent that reports it and the person who opens the page."""

_MAX_TAG = 5000


@contextmanager
def start_step() -> Iterator[mlflow.ActiveRun]:
    """Starts the run of this step, tags it, and yields it; an error is tagged and passed on.

    Under `mlflow run` this is the run that the launcher made (`MLFLOW_RUN_ID`, which is taken by the first
    `start_run` of a process); a step started by hand gets a new one.
    """
    with mlflow.start_run() as run:
        # A process that this one starts must not take this run for its own.
        os.environ.pop("MLFLOW_RUN_ID", None)
        set_tags(**describe_surroundings())
        try:
            yield run
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


def describe_surroundings() -> dict[str, object]:
    """Returns what a run's result may depend on beside its parameters: machine, process, lock, dirty tree."""
    lock = Path("requirements.txt")
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "cpu": _name_cpu(),
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None,
        "git_dirty": _is_dirty(),
    }


def _name_cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _is_dirty() -> str | None:
    """Says whether tracked files differ from the commit that MLflow records; None where there is no git."""
    try:
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],  # noqa: S607 (git is found on the PATH)
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return "true" if status.stdout.strip() else "false"


def _last_lines(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return "\n".join(text.splitlines()[-10:])[-_MAX_TAG:]
