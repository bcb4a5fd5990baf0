"""What a benchmark runs in a process of its own: a function, or the whole project."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def apart(function: Callable[..., Any], *values: Any) -> Any:
    """Call in a fresh process: its peak memory is its own, and TensorFlow's settings hold for the whole of one."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(function, values)
        # Left to itself, `with` would kill it, and what it has in /dev/shm would be complained of.
        pool.close()
        pool.join()
        return result


def project_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which the project runs in this Python, with its store in `folder`.

    The store is named anew each time, because what `mlflow.set_tracking_uri` names stays in this process's environment.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store_of(folder), **variables}


def store_of(folder: Path) -> str:
    """Return the URI of the tracking store in a folder."""
    return f"sqlite:///{folder}/mlflow.db"


def run_project(folder: Path, values: Mapping[str, object], **variables: str) -> None:
    """Run `mlflow run . --env-manager local` from a folder that also holds its store.

    Args:
        folder: where it is called from.
        values: the parameters.
        variables: of the environment, beside this process's own.
    """
    subprocess.run(
        [
            *(sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local"),
            *(word for name, value in values.items() for word in ("-P", f"{name}={value}")),
        ],
        cwd=folder,
        env=project_environment(folder, **variables),
        check=True,
    )
