"""The tracking server: whether it is new enough, and what waits for it, and how long, while it is away."""

import logging
import os
from urllib.parse import urlsplit, urlunsplit

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from packaging.version import InvalidVersion, Version

from pawprint.base.errors import UserError

OLDEST = Version("3.0")
"""The first with models that are logged in their own right (LoggedModel); a run against 3.0.0 passes every check."""
WAIT_VARIABLE = "PAWPRINT_WAIT_MINUTES"
WAIT_MINUTES = 10.0
RETRIES_VARIABLE = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
PATIENCE = {RETRIES_VARIABLE: "9", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""Every request of MLflow's is tried again for six minutes: pauses of 0, 2, 4, 8, 16, 32, 64, 120 and 120 s."""
_PROBE_SECONDS = 5
_AWAY = frozenset({502, 503, 504})
"""What a gateway says while the server behind it is away."""
_NOT_MATTERS_OF_TIME = range(400, 500)
_MATTERS_OF_TIME = frozenset({408, 429})


def be_patient() -> None:
    """Have MLflow try its requests again for longer than a server needs to start again, unless told otherwise."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    # It gives up its samples after that, and says so in a line for each; the metrics of a training are not among them.
    logging.getLogger("mlflow.system_metrics.system_metrics_monitor").setLevel(logging.CRITICAL)


def be_discreet() -> None:
    """Have MLflow print no links to runs where the server's address, which they begin with, holds a password."""
    if describe_server() != str(mlflow.get_tracking_uri()):
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def be_brief() -> None:
    """Have this process, which is about to end, spend no more time on a server that is away."""
    os.environ |= {RETRIES_VARIABLE: "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_PROBE_SECONDS)}


def check_server() -> None:
    """Refuse a tracking server that is too old.

    One that does not tell its version (a managed service, a proxy in front, a server that is away) is taken as it is:
    what it can't do it will say itself.

    Raises:
        UserError: naming both versions.
    """
    uri = mlflow.get_tracking_uri()
    if not uri.startswith(("http://", "https://")):
        return
    try:
        # MLflow's own way of asking, so that its tokens, passwords and certificates are used.
        answer = http_request(
            get_default_host_creds(uri), "/version", "GET", max_retries=0, timeout=_PROBE_SECONDS, raise_on_status=False
        )
        version = Version(answer.text.strip()) if answer.ok else OLDEST
    except (MlflowException, requests.RequestException, InvalidVersion):
        return
    if version < OLDEST:
        raise UserError(
            f"the tracking server at {uri} runs MLflow {version}, which knows no logged models; "
            f"{OLDEST} or newer is needed: upgrade it (`mlflow db upgrade` moves its store along)"
        )


def wait_seconds() -> float:
    """Return how long to wait for a server or a store that is away, as PAWPRINT_WAIT_MINUTES says.

    Raises:
        UserError: that is no number.
    """
    given = os.environ.get(WAIT_VARIABLE) or str(WAIT_MINUTES)
    try:
        minutes = float(given)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes < float("inf"):
        raise UserError(f"{WAIT_VARIABLE} is {given!r}; expected minutes, such as 10 or 0.5")
    return 60 * minutes


def is_reachable() -> bool:
    """Say whether the tracking server answers; a database, or a file, is taken to be there."""
    address = str(mlflow.get_tracking_uri())
    if not address.startswith(("http://", "https://")):
        return True
    try:
        response = requests.get(f"{address.rstrip('/')}/health", timeout=_PROBE_SECONDS)
    except requests.exceptions.SSLError:
        return True  # it is there; MLflow has settings of its own for certificates
    except requests.RequestException:
        return False
    return response.status_code not in _AWAY


def is_refusal(error: MlflowException) -> bool:
    """Say whether the same request would fail again: the server has understood it, and says no."""
    status = error.get_http_status_code()
    return status in _NOT_MATTERS_OF_TIME and status not in _MATTERS_OF_TIME


def describe_server() -> str:
    """Return the tracking server's address without a password."""
    address = str(mlflow.get_tracking_uri())
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else address
