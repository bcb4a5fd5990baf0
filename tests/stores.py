"""Tracking stores of a test's own: copies of an empty one, since MLflow takes a second or more to make its tables."""

import functools
import sqlite3
import tempfile
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from sqlalchemy import Engine, event


@event.listens_for(Engine, "connect")
def _be_quick(connection: Any, _: Any) -> None:
    """No test's store need outlive a power cut: waiting for the disk is most of what writing to one takes."""
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
