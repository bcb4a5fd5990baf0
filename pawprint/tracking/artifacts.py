"""Resolve the URIs that steps give each other (`runs:/…`, `models:/…`) to local paths."""

import hashlib
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import filelock
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.base.files import local_path
from pawprint.tracking.downloads import NothingThereError, fetch
from pawprint.tracking.server import describe_server


@contextmanager
def open_artifact(uri: str, *, expected: str) -> Iterator[Path]:
    """Yield the local path of an artifact; a downloaded copy is removed afterwards.

    In a store on this machine the artifact is used in place; MLflow's own download would copy it.

    Args:
        uri: `runs:/<run id>/<path>`, `models:/<model id>` or `models:/<name>@<alias>`.
        expected: what the caller expects, for the message, such as `runs:/<run id>/dataset`.

    Raises:
        UserError: the URI is malformed, or its artifact does not exist.
    """
    try:
        with open_location(locate(uri, expected)) as path:
            yield path
    except NothingThereError as error:
        raise UserError(f"{uri} {error}; expected {expected}") from error


@contextmanager
def open_photos() -> Iterator[Callable[[str], Path]]:
    """Yield a function that returns the local path for `runs:/<run id>/photos`, valid until the block ends.

    The function raises the errors of `open_artifact`.
    """
    with ExitStack() as opened:
        yield lambda uri: opened.enter_context(open_artifact(uri, expected="runs:/<run id of download>/photos"))


@contextmanager
def open_location(location: str) -> Iterator[Path]:
    """Yield the local path of the artifact at a location; a downloaded copy is removed afterwards.

    Raises:
        NothingThereError: there is no artifact, or it cannot be downloaded.
    """
    local = local_path(location)
    if local is not None:
        if not local.exists():
            raise NothingThereError("names nothing that is there")
        yield local
        return
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        yield fetch(location, Path(scratch))


def keep_artifact(location: str, tracking_uri: str) -> Path:
    """Return the local path of the artifact at a location, for a process that the location was sent to.

    What is not on a disk of this machine is downloaded once for all its processes, and kept in the cache.

    Args:
        location: a location in the artifact store (see `locate`).
        tracking_uri: the tracking server, which may serve the artifacts.

    Raises:
        UserError: there is no artifact, or it cannot be downloaded.
    """
    local = local_path(location)
    if local is not None:
        if not local.exists():
            raise UserError(
                f"{location} is not there on {platform.node()}; put the artifact store where every node reaches it: a "
                "server's, a bucket, or a disk that all share at this path"
            )
        return local
    mlflow.set_tracking_uri(tracking_uri)
    folder = cache_folder() / "artifacts"
    folder.mkdir(exist_ok=True)
    kept = folder / hashlib.sha256(f"{tracking_uri} {location}".encode()).hexdigest()
    with filelock.FileLock(f"{kept}.lock"):
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                try:
                    fetch(location, Path(scratch)).replace(kept)
                except NothingThereError as error:
                    raise UserError(f"{location} {error}") from error
    return kept


def locate(uri: str, expected: str) -> str:
    """Return the location in the artifact store of a `runs:/` or `models:/` URI.

    Raises:
        UserError: the URI is malformed, or its run or model is unknown.
    """
    scheme, _, rest = uri.partition(":/")
    client = MlflowClient()
    try:
        if scheme == "runs":
            run_id, _, path = rest.strip("/").partition("/")
            if not run_id or not path:
                raise UserError(f"{uri!r} is incomplete: expected {expected}")
            return f"{client.get_run(run_id).info.artifact_uri}/{path}"
        if scheme == "models":
            return _locate_model(client, uri)
    except MlflowException as error:
        raise UserError(f"{uri} is not known at {describe_server()} ({error}); expected {expected}") from error
    raise UserError(f"{uri!r} is no URI that passes between steps; expected {expected}")


def _locate_model(client: MlflowClient, uri: str) -> str:
    version = _find_version(client, uri)
    if version is None:
        location: str = client.get_logged_model(uri.removeprefix("models:/").strip("/")).artifact_location
        return location
    source: str = client.get_model_version_download_uri(version.name, version.version)
    # The source of a registered version may be a logged model or a run instead of a location.
    return locate(source, uri) if source.startswith(("models:/", "runs:/")) else source


def find_model_id(client: MlflowClient, uri: str) -> str:
    """Return the id of the logged model of `models:/<id>`, `models:/<name>@<alias>` or `models:/<name>/<version>`.

    Raises:
        UserError: the source of the version is not a logged model.
        MlflowException: the model is unknown.
    """
    version = _find_version(client, uri)
    if version is None:
        return uri.removeprefix("models:/").strip("/")
    # Some versions of MLflow leave model_id empty; the source also contains it.
    source = str(version.source or "")
    found = str(version.model_id or (source.removeprefix("models:/") if source.startswith("models:/m-") else ""))
    if not found:
        raise UserError(f"{uri} was registered from {source}, which is no logged model; register one of train's")
    return found


def _find_version(client: MlflowClient, uri: str) -> ModelVersion | None:
    """Return the registered version that a URI names, or None if it names a logged model."""
    name = uri.removeprefix("models:/").strip("/")
    if "@" in name:
        return client.get_model_version_by_alias(*name.rsplit("@", 1))
    if name.startswith("m-") and "/" not in name:
        return None
    return client.get_model_version(*name.partition("/")[::2])


def find_model(trained: Run) -> str:
    """Return the URI of the model that a training logged.

    Raises:
        UserError: the run logged no model, so it is not a run of train.
    """
    outputs = trained.outputs.model_outputs if trained.outputs else []
    if not outputs:
        raise UserError(f"run {trained.info.run_id} logged no model; was it a run of train?")
    return f"models:/{outputs[0].model_id}"
