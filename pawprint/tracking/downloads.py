"""Files from an artifact store, whole: what broke off, or came shorter than it lies there, is fetched again."""

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
    """No artifact is found at a location."""


def list_sizes(location: str) -> dict[str, int | None]:
    """Return the size of each file at a place in a store, by its path within; that of a file itself has the path "".

    A store that does not answer is asked again for as long as PAWPRINT_WAIT_MINUTES says.

    Raises:
        NothingThereError: the store can't be asked; the message goes on after the place's name.
    """
    repository, name = _split(location)
    return {path.removeprefix(name).removeprefix("/"): size for path, size in _list(repository, name).items()}


def fetch(location: str, folder: Path) -> Path:
    """Copy a file, or a folder with all that is in it, from an artifact store.

    What does not arrive, or not with the size that the store tells, is fetched again after a pause that grows, for as
    long as PAWPRINT_WAIT_MINUTES says; what has arrived stays.

    Args:
        location: the place in the store, with a scheme of MLflow's.
        folder: where the copy goes, under its own name.

    Returns:
        The copy.

    Raises:
        NothingThereError: nothing lies there, or it can't be had; the message goes on after the place's name.
        UserError: there is no room for it.
    """
    repository, name = _split(location)
    sizes = _list(repository, name)
    if not sizes:
        raise NothingThereError("names nothing that is there")
    check_space(location, {folder: sum(size or 0 for size in sizes.values())})
    with _explained():
        try:
            repository.download_artifacts(name, str(folder))  # several files at a time
            pending = [path for path, size in sizes.items() if not _is_whole(folder / path, size)]
        except Exception as error:  # each store's library has errors of its own; `is_passing` knows them
            if not is_passing(error):
                raise
            # A file that broke off lies there, too, and not every store tells sizes.
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
    """Return the store of the folder that a place is in, and the place's name there: a file is told by its folder."""
    root, _, name = location.rstrip("/").rpartition("/")
    return get_artifact_repository(root), name


def _list(repository: Any, name: str) -> dict[str, int | None]:
    """Return the size of each file by its path in the store, where the store tells it."""
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
    """Raise errors of a store's, of MLflow's or of the disk's as one of our own; another is a mistake, and goes on."""
    try:
        yield
    except Exception as error:  # each store's library has errors of its own
        if full := explain_full_disk(error):
            raise full from error
        if isinstance(error, OSError) or is_of_a_store(error):
            raise NothingThereError(f"can't be fetched ({describe_error(error)})") from error
        raise
