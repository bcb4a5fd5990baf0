"""A step as an MLflow run: started once, tagged with what it ran on, and with its error if it fails."""

import hashlib
import logging
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

PARENT_TAG = "mlflow.parentRunId"
MAX_DIFF = 1_000_000
SECRETS = tuple(f":(exclude,icase,glob)**/{name}" for name in ("*.env*", "*.pem", "*.key", "*secret*", "*credential*"))
"""Names that are not read into a diff, as git's pathspecs."""

_MAX_TAG = 5000


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
    with mlflow.start_run(log_system_metrics=system_metrics) as run:
        # A process that this one starts must not take this run for its own.
        os.environ.pop("MLFLOW_RUN_ID", None)
        set_tags(**describe_surroundings())
        if PARENT_TAG not in run.data.tags and (diff := read_uncommitted()):
            mlflow.log_text(diff, "uncommitted.diff")
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


def read_uncommitted() -> str:
    """Returns what tracked files differ by from the commit, cut after `MAX_DIFF` bytes and without `SECRETS`."""
    try:
        done = subprocess.run(  # noqa: S603 (nothing of it comes from outside)
            ["git", "diff", "HEAD", "--no-color", "--no-ext-diff", "--", ".", *SECRETS],  # noqa: S607 (on the PATH)
            capture_output=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    diff = done.stdout[:MAX_DIFF].decode("utf-8", "replace")
    return diff if len(done.stdout) <= MAX_DIFF else f"{diff}\n[cut after {MAX_DIFF} bytes of {len(done.stdout)}]\n"


def _last_lines(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return "\n".join(text.splitlines()[-10:])[-_MAX_TAG:]
