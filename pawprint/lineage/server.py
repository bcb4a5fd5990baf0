"""Whether the tracking server is new enough, asked before any work: an old one refuses the model after the training."""

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from packaging.version import InvalidVersion, Version

from pawprint.errors import UserError

OLDEST = Version("3.0")
"""The first with models that are logged in their own right (LoggedModel); a run against 3.0.0 passes every check."""
WAIT_SECONDS = 5


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
            get_default_host_creds(uri), "/version", "GET", max_retries=0, timeout=WAIT_SECONDS, raise_on_status=False
        )
        version = Version(answer.text.strip()) if answer.ok else OLDEST
    except (MlflowException, requests.RequestException, InvalidVersion):
        return
    if version < OLDEST:
        raise UserError(
            f"the tracking server at {uri} runs MLflow {version}, which knows no logged models; "
            f"{OLDEST} or newer is needed: upgrade it (`mlflow db upgrade` moves its store along)"
        )
