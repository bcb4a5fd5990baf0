"""From the URIs that pass between steps to local paths."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.base.files import local_path
from pawprint.tracking.downloads import NothingThereError, fetch
from pawprint.tracking.server import describe_server


@contextmanager
def open_artifact(uri: str, *, expected: str) -> Iterator[Path]:
    """Yields the local path of an artifact; a downloaded copy is removed afterwards.

    From a store on this machine the artifact is read where it lies: MLflow's own download would copy it.

    Args:
        uri: `runs:/<run id>/<path>`, `models:/<model id>` or `models:/<name>@<alias>`.
        expected: what the caller wants, for the message, like `runs:/<run id>/dataset`.

    Raises:
        UserError: the URI is malformed, or nothing is found behind it.
    """
    try:
        with open_location(locate(uri, expected)) as path:
            yield path
    except NothingThereError as error:
        raise UserError(f"{uri} {error}; expected {expected}") from error


@contextmanager
def open_photos() -> Iterator[Callable[[str], Path]]:
    """Yields a function that turns `runs:/<run id>/photos` into a local path, which holds until the end.

    Its errors are those of `open_artifact`.
    """
    with ExitStack() as opened:
        yield lambda uri: opened.enter_context(open_artifact(uri, expected="runs:/<run id of download>/photos"))


@contextmanager
def open_location(location: str) -> Iterator[Path]:
    """Yields the local path of what lies where a URI was resolved to; a copy that was fetched is removed afterwards.

    Raises:
        NothingThereError: nothing is found there, or it can't be fetched.
    """
    local = local_path(location)
    if local is not None:
        if not local.exists():
            raise NothingThereError("names nothing that is there")
        yield local
        return
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        yield fetch(location, Path(scratch))


def locate(uri: str, expected: str) -> str:
    """Resolves `runs:/` and `models:/` to where the bytes are.

    Raises:
        UserError: the URI is malformed, or its run or model is not known.
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
    # A registered version may point at a logged model or a run instead of at the bytes.
    return locate(source, uri) if source.startswith(("models:/", "runs:/")) else source


def find_model_id(client: MlflowClient, uri: str) -> str:
    """Return the id of the logged model behind `models:/<id>`, `models:/<name>@<alias>` or `models:/<name>/<version>`.

    Raises:
        UserError: the version was registered from something that is no logged model.
        MlflowException: it is not known.
    """
    version = _find_version(client, uri)
    if version is None:
        return uri.removeprefix("models:/").strip("/")
    # MLflow leaves model_id empty in some versions; the source says it too.
    source = str(version.source or "")
    found = str(version.model_id or (source.removeprefix("models:/") if source.startswith("models:/m-") else ""))
    if not found:
        raise UserError(f"{uri} was registered from {source}, which is no logged model; register one of train's")
    return found


def _find_version(client: MlflowClient, uri: str) -> ModelVersion | None:
    """Return the registered version that a URI names, or None where it names a logged model."""
    name = uri.removeprefix("models:/").strip("/")
    if "@" in name:
        return client.get_model_version_by_alias(*name.rsplit("@", 1))
    if name.startswith("m-") and "/" not in name:
        return None
    return client.get_model_version(*name.partition("/")[::2])


def find_model(trained: Run) -> str:
    """Returns the URI of the model that a training logged.

    Raises:
        UserError: it logged none, so it is no run of train's.
    """
    outputs = trained.outputs.model_outputs if trained.outputs else []
    if not outputs:
        raise UserError(f"run {trained.info.run_id} logged no model; was it a run of train?")
    return f"models:/{outputs[0].model_id}"
