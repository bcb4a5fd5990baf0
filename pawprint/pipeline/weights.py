"""Find the weights that a training begins with: what they are, for keys and lineage, and where, to be read."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.fetch.download import fetch_url
from pawprint.models.architectures import AUTO
from pawprint.models.weights_file import SUFFIXES, check_weights_file
from pawprint.models.weights_source import FORMS, check_weights, find_address, is_in_mlflow
from pawprint.photos.grammar import expand_path
from pawprint.tracking.active import active_run
from pawprint.tracking.artifacts import find_model, find_model_id, open_artifact
from pawprint.tracking.datasets import log_inputs
from pawprint.tracking.model_files import read_model_files
from pawprint.tracking.server import describe_server


@dataclass(frozen=True)
class Weights:
    """Where the first weights of a training come from.

    Attributes:
        uri: `models:/<model id>`, `runs:/…`, an address, or an absolute path; it is found again by it.
        digest: the model's digest, or the sha256 of the file.
        model_id: id of the logged model; None for a file.
    """

    uri: str
    digest: str
    model_id: str | None = None


@dataclass(frozen=True)
class OpenWeights:
    """Weights on this machine: what they are, their file, and the classes of a model; None of a file."""

    about: Weights
    path: Path
    class_names: tuple[str, ...] | None


def find_weights(text: str, *, architecture: str) -> Weights | None:
    """Return what a value of `weights` means now; an alias and a run become the model's id. None if it is empty.

    A file at an address is downloaded into the cache.

    Raises:
        UserError: there is no such file or model, the file is no file of weights, or the model is of another
            architecture.
    """
    check_weights(text)
    if not text:
        return None
    if _is_file(text):
        if architecture == AUTO:
            raise UserError(f"weights={text} is of one architecture: say which instead of architecture={AUTO}")
        with _open_file(text) as opened:
            return opened.about
    client = MlflowClient()
    try:
        uri = find_model(client.get_run(text.split("/")[1])) if text.startswith("runs:/") else text
        model = client.get_logged_model(find_model_id(client, uri))
    except MlflowException as error:
        raise UserError(f"weights={text} is not known at {describe_server()} ({error}); expected {FORMS}") from error
    digest, learned = (model.tags.get(f"pawprint.{name}") for name in ("model_digest", "architecture"))
    if digest is None:
        raise UserError(f"weights={text} is no model of this project; expected {FORMS}")
    if learned != architecture:
        raise UserError(f"weights={text} is of architecture {learned}, not {architecture}; say architecture={learned}")
    return Weights(f"models:/{model.model_id}", digest, model.model_id)


def describe_weights(weights: Weights | None) -> dict[str, str]:
    """Return the tags that say what a training begins with; none without given weights."""
    return {"weights": weights.uri, "weights_digest": weights.digest} if weights else {}


@contextmanager
def open_weights(text: str, *, architecture: str) -> Iterator[OpenWeights | None]:
    """Yield the weights that a value of `weights` means, or None if it is empty; a copy is removed afterwards.

    A model of ours becomes an input of the active run.

    Raises:
        UserError: as `find_weights`, and if the model's files are not what was logged.
    """
    if text and _is_file(text):
        with _open_file(text) as file:
            yield file
        return
    found = find_weights(text, architecture=architecture)
    if found is None or found.model_id is None:
        yield None
        return
    with open_artifact(found.uri, expected=FORMS) as stored:
        folder = stored / "artifacts"
        description = read_model_files(folder, uri=found.uri)
        if description["digest"] != found.digest:
            raise UserError(f"{found.uri} is not what train logged: its files in the store were swapped; train again")
        log_inputs(active_run().info.run_id, [], [LoggedModelInput(found.model_id)])
        yield OpenWeights(found, folder / "network.keras", tuple(description["class_names"]))


@contextmanager
def _open_file(text: str) -> Iterator[OpenWeights]:
    """Yield a file of weights that is an artifact, at an address or on this machine."""
    check_weights(text)
    uri = text
    with ExitStack() as opened:
        if is_in_mlflow(text):
            path = opened.enter_context(open_artifact(text, expected=FORMS))
        elif address := find_address(text):
            path = fetch_url(address, check=check_weights_file).path
        else:
            path = expand_path(text).absolute()
            uri = str(path)
        try:
            check_weights_file(path)
        except (OSError, UserError) as error:
            raise UserError(f"weights={text} cannot be read: {error}") from error
        yield OpenWeights(Weights(uri, hash_file(path)), path, None)


def _is_file(text: str) -> bool:
    """Return whether a value of `weights` names a file, and not a model of ours."""
    return not is_in_mlflow(text) or text.endswith(SUFFIXES)
