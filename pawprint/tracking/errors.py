"""What goes wrong with a store of artifacts, which of it may pass, and patience with that."""

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
"""Packages whose errors come from a store, or from the way to it."""
NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "ParamValidationError", "DefaultCredentialsError"}
)
"""Theirs that no waiting changes: a store was never asked."""
PERMANENT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
"""A disk's refusals, which no waiting changes."""
FIRST_PAUSE, LONGEST_PAUSE = 1, 30

Result = TypeVar("Result")
logger = logging.getLogger(__name__)


class NotWholeError(UserError):
    """What lies in the store is not what was written, or what came from there is not what lies in it."""


def keep_trying(attempt: Callable[[], Result], doing: str) -> Result:
    """Call something until it succeeds, after pauses that grow, for as long as PAWPRINT_WAIT_MINUTES says.

    Args:
        attempt: what to call.
        doing: what it does, for the line that says it is tried again: `storing curves.png`.

    Raises:
        Exception: its own last one, where waiting has not helped or would not.
    """
    return retry(
        attempt,
        is_passing=is_passing,
        wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE),
        stop=stop_after_delay(wait_seconds()),
        warn=lambda error, _: logger.warning("%s failed (%s); trying again", doing, describe_error(error)[:300]),
    )


def is_passing(error: BaseException) -> bool:
    """Say whether an error may be gone in a while: of the store, or of the way to it, and no refusal."""
    if isinstance(error, NotWholeError):
        return True
    if explain_full_disk(error) or type(error).__name__ in NO_CREDENTIALS:
        return False
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", None)
    if status is None and isinstance(answer, dict):  # botocore's
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
    """Say whether an error comes from MLflow, from a store's library, or from the way to it."""
    known = isinstance(error, MlflowException | RequestException | NotWholeError)
    return known or type(error).__module__.partition(".")[0] in STORES


def explain_store(error: BaseException) -> str | None:
    """Return how to mend a tracking store that was named wrongly, in a line, or None for any other error.

    MLflow looks at its surroundings when it is first asked for something, which may be anywhere in our code; where
    `mlflow run` looks first, docs/troubleshooting.md says the same.
    """
    said = one_line(error)
    if not isinstance(error, MlflowException):
        return None
    if "filesystem tracking backend" in said:
        return (
            f"MLflow keeps no runs in folders any more ({os.environ.get('MLFLOW_TRACKING_URI', './mlruns')}): set "
            "MLFLOW_TRACKING_URI=sqlite:////absolute/path/mlflow.db; `mlflow migrate-filestore` moves old runs there"
        )
    if deleted := re.search(r"experiment (\S+) must be in the 'active' state", said):
        return (
            f"experiment {deleted[1]} has been deleted: `mlflow experiments restore --experiment-id {deleted[1]}`, or "
            "name another with --experiment-name or MLFLOW_EXPERIMENT_NAME"
        )
    if "MLFLOW_EXPERIMENT_ID" in said or "No Experiment with id" in said:
        return (
            f"there is no experiment {os.environ.get('MLFLOW_EXPERIMENT_ID', 'of that number')} in this store: unset "
            "MLFLOW_EXPERIMENT_ID, or see `mlflow experiments search` for those that there are"
        )
    if "unsupported URI" in said:
        return (
            f"MLFLOW_TRACKING_URI is {os.environ.get('MLFLOW_TRACKING_URI', '')!r}; expected http(s)://…, "
            "sqlite:////absolute/path/mlflow.db or another database's address"
        )
    return None


def describe_error(error: BaseException | None) -> str:
    """Return what an error says, on one line; of MLflow's list of files that failed, why the last one did."""
    return one_line(error).rpartition("##### ")[2]
