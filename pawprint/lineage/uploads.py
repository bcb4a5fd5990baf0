"""Files into an artifact store, each read back: what is not there as it was written is sent again."""

import errno
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from requests import RequestException
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter
from tqdm import tqdm

from pawprint.errors import UserError, one_line
from pawprint.lineage.artifacts import local_path
from pawprint.lineage.server import is_refusal, wait_seconds
from pawprint.photos.hashes import hash_file
from pawprint.photos.space import FULL, check_space

STORES = frozenset({"azure", "boto3", "botocore", "google", "s3transfer", "urllib3"})
"""Packages whose errors come from a store, or from the way to it."""
PERMANENT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
"""A disk's refusals, which no waiting changes."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1, 30

logger = logging.getLogger(__name__)


class NotWholeError(UserError):
    """What lies in the store is not what was written."""


def store_folder(folder: Path, location: str, digests: Mapping[str, str]) -> None:
    """Copy files into an artifact store and read each of them back.

    A store on this machine is read in place; from any other, one file at a time comes back into a temporary folder.
    A file that could not be sent, or came back as another, is sent again after a pause that grows, for as long as
    PAWPRINT_WAIT_MINUTES says.

    Args:
        folder: the files, in folders or not.
        location: the folder's place in the store, with a scheme of MLflow's or as a path.
        digests: sha256 of each file to be copied, by its path in the folder.

    Raises:
        UserError: a file could not be stored, by name and with the reason, or a store on this machine has no room.
    """
    local = local_path(location)
    sizes = {name: (folder / name).stat().st_size for name in digests}
    if local is not None:
        check_space(f"storing {len(digests)} files", {local: sum(sizes.values())})
    repository = get_artifact_repository(location)
    with (
        quiet_mlflow(),
        tqdm(
            total=sum(sizes.values()), desc="storing", unit="B", unit_scale=True, delay=2, disable=None, leave=False
        ) as bar,
    ):
        for name, digest in digests.items():
            _store(repository, location, folder / name, name, digest)
            bar.update(sizes[name])


def store_text(text: str, name: str, location: str) -> str:
    """Store a text as a file of that name, read it back, and return its sha256.

    Raises:
        UserError: as `store_folder`.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        path = Path(scratch, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        store_folder(Path(scratch), location, {name: digest})
    return digest


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Keep MLflow from saying what is no news here.

    That is a progress bar for each small local file it copies, and a warning that an environment built by uv holds
    no pip whose version it could note.
    """
    logger, variable = logging.getLogger("mlflow.utils.environment"), "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    level, given = logger.level, os.environ.get(variable)
    logger.setLevel(logging.ERROR)
    os.environ[variable] = "false"
    try:
        yield
    finally:
        logger.setLevel(level)
        del os.environ[variable]
        if given is not None:
            os.environ[variable] = given


def _store(repository: Any, location: str, path: Path, name: str, digest: str) -> None:
    parent = str(PurePosixPath(name).parent)

    def send() -> None:
        repository.log_artifact(str(path), None if parent == "." else parent)
        found = _read_back(repository, location, name)
        if found != digest:
            raise NotWholeError(f"it came back as another than was sent (sha256 {found} instead of {digest})")

    try:
        Retrying(
            retry=retry_if_exception(is_passing),
            wait=wait_exponential_jitter(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
            stop=stop_after_delay(wait_seconds()),
            before_sleep=lambda state: _tell(name, state),
            reraise=True,
        )(send)
    except Exception as error:  # each store's library has errors of its own; `is_passing` knows them
        if not is_passing(error):
            raise
        raise UserError(f"the artifact {name} could not be stored whole at {location}: {one_line(error)}") from error


def _read_back(repository: Any, location: str, name: str) -> str:
    if (local := local_path(location)) is not None:
        return hash_file(local / name)
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        return hash_file(Path(repository.download_artifacts(name, scratch)))


def is_passing(error: BaseException) -> bool:
    """Say whether an error may be gone in a while: of the store, or of the way to it, and no refusal."""
    if isinstance(error, NotWholeError):
        return True
    answer = getattr(error, "response", None)
    status = getattr(answer, "status_code", None)
    if status is None and isinstance(answer, dict):  # botocore's
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status is not None:
        return status in {408, 429} or status >= 500
    if isinstance(error, MlflowException):
        return not is_refusal(error)
    if isinstance(error, RequestException) or type(error).__module__.partition(".")[0] in STORES:
        return True
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and error.errno is not None and error.errno not in FULL | PERMANENT
    )


def _tell(name: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("storing %s failed (%s); trying again", name, one_line(error)[:200])
