"""MLflow's own limit on waiting for a sqlite store is replaced, as docs/inside-libraries.md says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event

from pawprint.tracking.locks import MLFLOW_TIMEOUT_STATEMENT, WAIT_SECONDS, wait_for_other_writers


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is said to databases from now on."""
    said: list[str] = []

    def note(_connection, _cursor, statement, _parameters, _context, _many) -> None:
        said.append(statement)

    event.listen(Engine, "after_cursor_execute", note)
    yield said
    event.remove(Engine, "after_cursor_execute", note)


def test_mlflow_waits_as_long_as_we_do(store: Path, statements: list[str]) -> None:
    wait_for_other_writers()
    MlflowClient().search_experiments()
    limits = {statement for statement in statements if "busy_timeout" in statement}
    assert limits == {f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000};"}
    assert MLFLOW_TIMEOUT_STATEMENT not in statements
