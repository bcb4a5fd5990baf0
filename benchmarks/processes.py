"""What a benchmark runs in a process of its own: a function, or the whole project."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests

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


def run_project(folder: Path, values: Mapping[str, object], *, entry_point: str = "main", **variables: str) -> None:
    """Run `mlflow run . --env-manager local` from a folder that also holds its store.

    Args:
        folder: where it is called from.
        values: the parameters.
        entry_point: what is run.
        variables: of the environment, beside this process's own.
    """
    subprocess.run(
        [
            *(sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", "-e", entry_point),
            *(word for name, value in values.items() for word in ("-P", f"{name}={value}")),
        ],
        cwd=folder,
        env=project_environment(folder, **variables),
        check=True,
    )


def wait_for_answer(server: "subprocess.Popen[bytes]", url: str) -> None:
    """Wait until a server answers there, or has ended."""
    while server.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serve_store(store: str) -> Iterator[str]:
    """Serve a tracking store on a free port of this machine, and yield the address."""
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        # Without its workers for jobs, which nothing here has.
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(server, f"{address}/health")
        yield address
    finally:
        # It waits for browsers to hang up, for longer than anybody would.
        with suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        server.wait()
