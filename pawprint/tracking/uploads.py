"""Upload files to an artifact store, read each one back, and repeat the upload if it differs."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from tqdm import tqdm

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file, local_path
from pawprint.base.space import check_space
from pawprint.tracking.errors import NotWholeError, describe_error, is_of_a_store, is_passing, keep_trying


def store_folder(folder: Path, location: str, digests: Mapping[str, str]) -> None:
    """Copy files to an artifact store and read each of them back.

    A store on this machine is read in place; from any other store, one file at a time is downloaded to a temporary
    folder. If an upload fails, or the file differs, it is repeated after growing pauses, for up to
    PAWPRINT_WAIT_MINUTES.

    Args:
        folder: folder with files and subfolders.
        location: location of the folder in the store, with one of MLflow's schemes or as a path.
        digests: sha256 of each file to copy, by its path in the folder.

    Raises:
        UserError: a file could not be stored, or a store on this machine has not enough space.
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
    """Suppress needless output of MLflow.

    It is a progress bar for each small local file, and a warning that an environment built by uv has no pip.
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
        keep_trying(send, f"storing {name}")
    except Exception as error:  # each store's library has its own errors; `is_passing` knows them
        if not is_passing(error) and not is_of_a_store(error):
            raise
        raise UserError(
            f"the artifact {name} could not be stored whole at {location}: {describe_error(error)}"
        ) from error


def _read_back(repository: Any, location: str, name: str) -> str:
    if (local := local_path(location)) is not None:
        return hash_file(local / name)
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        return hash_file(Path(repository.download_artifacts(name, scratch)))
