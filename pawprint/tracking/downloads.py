"""Download files from an artifact store completely: interrupted or truncated downloads are repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pawprint.base.errors import UserError
from pawprint.base.space import check_space, explain_full_disk
from pawprint.tracking.errors import NotWholeError, describe_error, is_of_a_store, is_passing, keep_trying


class NothingThereError(UserError):
    """There is no artifact at a location, or it cannot be downloaded."""


def list_sizes(location: str) -> dict[str, int | None]:
    """Return the size of each file at a location, by its path in it; if the location is a file, its path is "".

    A store that does not answer is asked again for up to PAWPRINT_WAIT_MINUTES.

    Raises:
        NothingThereError: the store cannot be listed; the message continues a sentence that starts with the location.
    """
    repository, name = _split(location)
    return {path.removeprefix(name).removeprefix("/"): size for path, size in _list(repository, name).items()}


def fetch(location: str, folder: Path) -> Path:
    """Download a file, or a folder with its content, from an artifact store.

    Files that are missing or do not have the size that the store reports are downloaded again, after growing pauses,
    for up to PAWPRINT_WAIT_MINUTES; files that have arrived are not repeated.

    Args:
        location: location in the store, with one of MLflow's schemes.
        folder: folder of the copy, which keeps its name.

    Returns:
        The path of the copy.

    Raises:
        NothingThereError: the artifact does not exist or cannot be downloaded; the message continues a sentence that
            starts with the location.
        UserError: the disk has not enough space.
    """
    repository, name = _split(location)
    sizes = _list(repository, name)
    if not sizes:
        raise NothingThereError("names nothing that is there")
    check_space(location, {folder: sum(size or 0 for size in sizes.values())})
    with _explained():
        try:
            repository.download_artifacts(name, str(folder))  # downloads several files in parallel
            pending = [path for path, size in sizes.items() if not _is_whole(folder / path, size)]
        except Exception as error:  # each store's library has its own errors; `is_passing` knows them
            if not is_passing(error):
                raise
            # A truncated file also exists; without a reported size it cannot be recognised.
            pending = [path for path, size in sizes.items() if size is None or not _is_whole(folder / path, size)]
        for path in pending:
            _fetch_file(repository, path, sizes[path], folder)
    return folder / name


def _fetch_file(repository: Any, path: str, size: int | None, folder: Path) -> None:
    def attempt() -> None:
        repository.download_artifacts(path, str(folder))
        if not _is_whole(folder / path, size):
            came = (folder / path).stat().st_size if (folder / path).exists() else "none"
            raise NotWholeError(f"{came} of its {size} bytes came")

    keep_trying(attempt, f"fetching {path}")


def _is_whole(path: Path, size: int | None) -> bool:
    return path.is_file() and size in {None, path.stat().st_size}


def _split(location: str) -> tuple[Any, str]:
    """Return the store of a location's parent folder, whose list has the size of a file, and the name in it."""
    root, _, name = location.rstrip("/").rpartition("/")
    return get_artifact_repository(root), name


def _list(repository: Any, name: str) -> dict[str, int | None]:
    """Return the size of each file by its path in the store; None if the store does not report it."""
    with _explained():
        beside = keep_trying(repository.list_artifacts, f"listing {repository.artifact_uri}")
        sizes: dict[str, int | None] = {}
        pending = [entry for entry in beside if entry.path == name]
        while pending:
            entry = pending.pop()
            if not entry.is_dir:
                sizes[entry.path] = entry.file_size
                continue
            pending += keep_trying(partial(repository.list_artifacts, entry.path), f"listing {entry.path}")
    return sizes


@contextmanager
def _explained() -> Iterator[None]:
    """Raise errors of the store, of MLflow or of the disk as our own; any other error is a bug and is not caught."""
    try:
        yield
    except Exception as error:  # each store's library has its own errors
        if full := explain_full_disk(error):
            raise full from error
        if isinstance(error, OSError) or is_of_a_store(error):
            raise NothingThereError(f"can't be fetched ({describe_error(error)})") from error
        raise
