"""Several processes on one sqlite store: they wait for each other, and long enough."""

from typing import Any

from sqlalchemy import Engine, event

MLFLOW_WAITS = "PRAGMA busy_timeout = 20000;"
"""What MLflow 3.17 says to every session: after 20 s without its turn the user reads `database is locked`."""

WAIT_SECONDS = 300


def wait_for_other_writers() -> None:
    """Have this process wait for its turn at a sqlite store for minutes, where MLflow would give up after 20 s.

    Sqlite has no queue: with eight processes that write without a pause, single ones wait almost that long, and a
    backup or an `mlflow gc` may hold the file for longer. MLflow has no setting for it, nor does the store's URI.
    """
    if not event.contains(Engine, "before_cursor_execute", _wait_longer):
        event.listen(Engine, "before_cursor_execute", _wait_longer, retval=True)


def _wait_longer(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    longer = f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000};"
    return longer if statement == MLFLOW_WAITS else statement, parameters
