"""Run a function, the project or a server in a process of its own, for benchmarks and tools."""

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
    """Return the result of a function called in a new process, with its own peak memory and TensorFlow settings."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(function, values)
        # Otherwise `with` would kill it, which causes warnings about its files in /dev/shm.
        pool.close()
        pool.join()
        return result


def project_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which the project runs in this Python, with its store in `folder`.

    It always sets the store, because `mlflow.set_tracking_uri` changes the environment of this process.
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store_of(folder), **variables}


def store_of(folder: Path) -> str:
    """Return the URI of the tracking store in a folder."""
    return f"sqlite:///{folder}/mlflow.db"


def run_project(folder: Path, values: Mapping[str, object], *, entry_point: str = "main", **variables: str) -> None:
    """Run `mlflow run . --env-manager local` from a folder that also holds its store.

    Args:
        folder: the working directory.
        values: the parameters.
        entry_point: name of the step.
        variables: environment variables, besides those of this process.
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
    """Wait until a server answers at a URL, or has ended."""
    while server.poll() is None:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that is free at this moment."""
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
        # Without its workers for jobs, which are not needed here.
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
        # The server would wait too long for browsers to close their connections.
        with suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
        server.wait()
