"""Databases of a test's own.

Tracking stores are copies of an empty one, since MLflow takes a second or more to make its tables.
"""

import functools
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from benchmarks.processes import free_port


@event.listens_for(Engine, "connect")
def _be_quick(connection: Any, _: Any) -> None:
    """No test's store need outlive a power cut: waiting for the disk is most of what writing to one takes."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def make_store(folder: Path) -> str:
    """Make the store that MLflow would make when called from a folder, and return its URI."""
    path = folder / "mlflow.db"
    path.write_bytes(_empty_store())
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE experiments SET artifact_location = ?", [str(folder / "mlruns" / "0")])
    return f"sqlite:///{path}"


@functools.cache
def _empty_store() -> bytes:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        path = Path(folder, "mlflow.db")
        MlflowClient(f"sqlite:///{path}").search_experiments()
        return path.read_bytes()


@contextmanager
def run_postgres() -> Iterator[str]:
    """Run a PostgreSQL server on 127.0.0.1, and yield the URL of its database; skip the test where there is none."""
    programs = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    found = shutil.which("initdb", path=os.pathsep.join(map(str, programs)))
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    # It refuses to be root, who may be anybody else.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if user:
            shutil.chown(folder, user)

        def run(program: str, *words: str) -> None:
            command = [str(Path(found).with_name(program)), "-D", f"{folder}/data", *words]
            subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)

        run("initdb", "-U", "tester", "--no-sync")
        port = free_port()
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", f"-p {port} -k {folder} -h 127.0.0.1 -F", "start")
        try:
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
