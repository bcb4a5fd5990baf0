"""Let processes that share a sqlite store wait longer for each other than MLflow does."""

from typing import Any

from sqlalchemy import Engine, event

MLFLOW_TIMEOUT_STATEMENT = "PRAGMA busy_timeout = 20000;"
"""Statement of MLflow 3.17 in every session: after waiting for 20 s it fails with `database is locked`."""

WAIT_SECONDS = 300
"""Seconds to wait instead."""


def wait_for_other_writers() -> None:
    """Let this process wait for the lock of a sqlite store for `WAIT_SECONDS`; MLflow gives up after 20 s.

    Sqlite has no queue: if eight processes write without a pause, some wait almost 20 s, and a backup or `mlflow gc`
    may hold the lock longer. Neither MLflow nor the store's URI has a setting for it.
    """
    if not event.contains(Engine, "before_cursor_execute", _wait_longer):
        event.listen(Engine, "before_cursor_execute", _wait_longer, retval=True)


def _wait_longer(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    longer = f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000};"
    return longer if statement == MLFLOW_TIMEOUT_STATEMENT else statement, parameters
