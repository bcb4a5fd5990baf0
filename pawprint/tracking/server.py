"""The tracking server: check its version, wait for it when it is unreachable, show its address without a password."""

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
"""The first version with LoggedModel; a run against 3.0.0 passes every check."""
WAIT_VARIABLE = "PAWPRINT_WAIT_MINUTES"
WAIT_MINUTES = 10.0
"""Default of PAWPRINT_WAIT_MINUTES."""
RETRIES_VARIABLE = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
RETRY_SETTINGS = {RETRIES_VARIABLE: "9", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""Settings with which MLflow retries a request for six minutes: pauses of 0, 2, 4, 8, 16, 32, 64, 120 and 120 s."""
_PROBE_SECONDS = 5
"""Seconds to wait for an answer when checking whether the server is reachable."""
_AWAY = frozenset({502, 503, 504})
"""Status codes of a gateway whose server is unreachable."""
_CLIENT_ERRORS = range(400, 500)
_TEMPORARY_ERRORS = frozenset({408, 429})


def retry_for_minutes() -> None:
    """Make MLflow retry requests for longer than a server needs to restart, unless the user has set other values."""
    for name, value in RETRY_SETTINGS.items():
        os.environ.setdefault(name, value)
    # MLflow prints a line for each sample of system metrics that it gives up; metrics of a training are not affected.
    logging.getLogger("mlflow.system_metrics.system_metrics_monitor").setLevel(logging.CRITICAL)


def hide_links_with_password() -> None:
    """Make MLflow print no links to runs if the server's address, with which they begin, contains a password."""
    if describe_server() != str(mlflow.get_tracking_uri()):
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


def stop_retrying() -> None:
    """Make MLflow stop retrying requests to an unreachable server; for a process that is about to end."""
    os.environ |= {RETRIES_VARIABLE: "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_PROBE_SECONDS)}


def check_server() -> None:
    """Raise an error if the tracking server is too old.

    A server that does not report its version (a managed service, a proxy, an unreachable server) is accepted.

    Raises:
        UserError: the server is too old; the message names both versions.
    """
    uri = mlflow.get_tracking_uri()
    if not uri.startswith(("http://", "https://")):
        return
    try:
        # MLflow's own request, so that its tokens, passwords and certificates are used.
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
    """Return PAWPRINT_WAIT_MINUTES in seconds: how long to wait for an unreachable server or store.

    Raises:
        UserError: the value is not a number of minutes.
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
    """Return whether the tracking server answers; a database or a file counts as reachable."""
    address = str(mlflow.get_tracking_uri())
    if not address.startswith(("http://", "https://")):
        return True
    try:
        response = requests.get(f"{address.rstrip('/')}/health", timeout=_PROBE_SECONDS)
    except requests.exceptions.SSLError:
        return True  # reachable; MLflow has its own settings for certificates
    except requests.RequestException:
        return False
    return response.status_code not in _AWAY


def is_refusal(error: MlflowException) -> bool:
    """Return whether the server has refused a request, so that it would fail again."""
    status = error.get_http_status_code()
    return status in _CLIENT_ERRORS and status not in _TEMPORARY_ERRORS


def describe_server() -> str:
    """Return the tracking server's address without a password."""
    address = str(mlflow.get_tracking_uri())
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else address
