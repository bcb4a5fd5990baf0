"""Errors of artifact and tracking stores: which are temporary, how to retry, and how to explain them."""

import errno
import logging
import os
import re
from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException
from requests import RequestException
from tenacity import stop_after_delay, wait_exponential_jitter

from pawprint.base.errors import UserError, one_line
from pawprint.base.retries import retry
from pawprint.base.space import FULL, explain_full_disk
from pawprint.tracking.server import is_refusal, wait_seconds

STORES = frozenset({"azure", "boto3", "botocore", "google", "s3transfer", "urllib3"})
"""Packages whose errors come from a store or from the connection to it."""
NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "DefaultCredentialsError"}
)
"""Errors of these packages that are not temporary: the credentials are missing or invalid."""
PERMANENT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
"""Errors of a disk that are not temporary."""
FIRST_PAUSE, LONGEST_PAUSE = 1, 30
"""Seconds between two attempts, at first and at most."""

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


class NotWholeError(UserError):
    """A stored or downloaded file differs from the file that was sent."""


def keep_trying(attempt: Callable[[], Result], doing: str) -> Result:
    """Call a function until it succeeds, with growing pauses, for up to PAWPRINT_WAIT_MINUTES, and return its result.

    Args:
        attempt: the function.
        doing: what it does, for the warning before another attempt, such as `storing curves.png`.

    Raises:
        Exception: the last error of the function, if the time is over or the error is not temporary.
    """
    return retry(
        attempt,
        is_passing=is_passing,
        wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=stop_after_delay(wait_seconds()),
        warn=lambda error, _: logger.warning("%s failed (%s); trying again", doing, describe_error(error)[:300]),
    )


def is_passing(error: BaseException) -> bool:
    """Return whether an error is temporary: of a store or of the connection to it, and not a refusal."""
    if isinstance(error, NotWholeError):
        return True
    if explain_full_disk(error) or type(error).__name__ in NO_CREDENTIALS:
        return False
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", None)
    if status is None and isinstance(answer, dict):  # an error of botocore
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status is not None:
        return status in {408, 429} or status >= 500
    if isinstance(error, MlflowException):
        return not is_refusal(error)
    return (
        is_of_a_store(error)
        or isinstance(error, ConnectionError | TimeoutError)
        or (isinstance(error, OSError) and error.errno is not None and error.errno not in FULL | PERMANENT)
    )


def is_of_a_store(error: BaseException) -> bool:
    """Return whether an error comes from MLflow, from a store's library, or from the connection to a store."""
    known = isinstance(error, MlflowException | RequestException | NotWholeError)
    return known or type(error).__module__.partition(".")[0] in STORES


def explain_store(error: BaseException) -> str | None:
    """Return a line that says how to fix a wrong tracking store or experiment, or None for any other error.

    MLflow reads its environment variables at the first request, which may be anywhere in our code. If `mlflow run`
    itself fails on them, docs/troubleshooting.md says the same.
    """
    message = one_line(error)
    if not isinstance(error, MlflowException):
        return None
    if "filesystem tracking backend" in message:
        return (
            f"MLflow keeps no runs in folders any more ({os.environ.get('MLFLOW_TRACKING_URI', './mlruns')}): set "
            "MLFLOW_TRACKING_URI=sqlite:////absolute/path/mlflow.db; `mlflow migrate-filestore` moves old runs there"
        )
    if deleted := re.search(r"experiment (\S+) must be in the 'active' state", message):
        return (
            f"experiment {deleted[1]} has been deleted: `mlflow experiments restore --experiment-id {deleted[1]}`, or "
            "name another with --experiment-name or MLFLOW_EXPERIMENT_NAME"
        )
    if "MLFLOW_EXPERIMENT_ID" in message or "No Experiment with id" in message:
        return (
            f"there is no experiment {os.environ.get('MLFLOW_EXPERIMENT_ID', 'of that number')} in this store: unset "
            "MLFLOW_EXPERIMENT_ID, or see `mlflow experiments search` for those that there are"
        )
    if "unsupported URI" in message:
        return (
            f"MLFLOW_TRACKING_URI is {os.environ.get('MLFLOW_TRACKING_URI', '')!r}; expected http(s)://…, "
            "sqlite:////absolute/path/mlflow.db or another database's address"
        )
    return None


def describe_error(error: BaseException | None) -> str:
    """Return an error's message on one line; for MLflow's list of failed files, the reason of the last one."""
    return one_line(error).rpartition("##### ")[2]
