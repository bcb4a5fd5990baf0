from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import mlflow
import pytest
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

from pawprint.base.errors import UserError
from pawprint.tracking.server import check_server, hide_links_with_password
from tests.servers import answering, give


@pytest.fixture
def serve_version() -> Iterator[Callable[[str, int], None]]:
    """Return a function that makes a server, which answers one text to everything, the tracking server."""
    with ExitStack() as servers:

        def serve(text: str, status: int) -> None:
            answer = partial(give, body=text.encode(), status=status)
            mlflow.set_tracking_uri(servers.enter_context(answering(answer)))

        yield serve
        mlflow.set_tracking_uri(None)


def test_an_old_server_is_refused_with_both_versions(serve_version: Callable[[str, int], None]) -> None:
    serve_version("2.22.0", 200)
    with pytest.raises(UserError, match=r"runs MLflow 2\.22\.0.*3\.0 or newer"):
        check_server()


@pytest.mark.parametrize(
    ("text", "status"), [("3.0.0", 200), ("3.17.2", 200), ("<html>not here</html>", 200), ("no", 404), ("", 503)]
)
def test_another_is_taken_as_it_is(serve_version: Callable[[str, int], None], text: str, status: int) -> None:
    serve_version(text, status)
    check_server()


def test_a_server_that_is_away_is_not_waited_for() -> None:
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    try:
        check_server()
    finally:
        mlflow.set_tracking_uri(None)


def test_a_store_of_ones_own_is_not_asked() -> None:
    mlflow.set_tracking_uri("sqlite:///nowhere.db")
    try:
        check_server()
    finally:
        mlflow.set_tracking_uri(None)


@pytest.mark.parametrize(("address", "quiet"), [("https://host.test", False), ("https://me:PLANTED@host.test", True)])
def test_mlflow_prints_no_links_that_hold_a_password(
    address: str, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name, "")  # put back as it was after the test
    monkeypatch.delenv(MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name)
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: address)
    hide_links_with_password()
    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get() is quiet
