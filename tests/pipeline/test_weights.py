"""What a training begins with is found before it starts, and is part of its key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import safetensors.numpy
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput

from pawprint.base.errors import SecretError, UserError
from pawprint.base.files import hash_file
from pawprint.models.weights_source import check_weights
from pawprint.pipeline.resuming import training_key
from pawprint.pipeline.weights import Weights, find_weights, open_weights

PARAMETERS = {"architecture": "cnn", "epochs": 2, "seed": 0}


@pytest.fixture
def file(store: Path) -> Path:
    path = store / "mine.safetensors"
    safetensors.numpy.save_file({"conv2d/kernel": np.ones((1, 2), np.float32)}, path)
    return path


@pytest.fixture
def model(store: Path) -> Iterator[Any]:
    """A logged model of the architecture cnn, of which only the tags are there."""
    with mlflow.start_run() as run:
        logged = mlflow.initialize_logged_model(
            name="model", tags={"pawprint.model_digest": "d" * 64, "pawprint.architecture": "cnn"}
        )
        mlflow.finalize_logged_model(logged.model_id, "READY")
        MlflowClient().log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def test_a_changed_file_is_another_training(file: Path) -> None:
    found = find_weights(str(file), architecture="cnn")
    assert found == Weights(str(file), hash_file(file))
    safetensors.numpy.save_file({"conv2d/kernel": np.zeros((1, 2), np.float32)}, file)
    changed = find_weights(str(file), architecture="cnn")
    assert found is not None
    assert changed is not None
    keys = {training_key(PARAMETERS, "d" * 64, digest) for digest in (None, found.digest, changed.digest)}
    assert len(keys) == 3


def test_a_file_may_be_an_artifact(file: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(file), "weights")
    uri = f"runs:/{run.info.run_id}/weights/{file.name}"
    with open_weights(uri, architecture="cnn") as opened:
        assert opened is not None
        assert (opened.about, opened.class_names) == (Weights(uri, hash_file(file)), None)
        assert opened.path.read_bytes() == file.read_bytes()


def test_weights_are_of_one_architecture(file: Path, model: Any) -> None:
    with pytest.raises(UserError, match="say which instead of architecture=auto"):
        find_weights(str(file), architecture="auto")
    with pytest.raises(UserError, match="is of architecture cnn, not auto; say architecture=cnn"):
        find_weights(f"models:/{model.model_id}", architecture="auto")


def test_an_alias_and_a_run_become_the_models_id(model: Any) -> None:
    expected = Weights(f"models:/{model.model_id}", "d" * 64, model.model_id)
    client = MlflowClient()
    client.create_registered_model("pets")
    client.create_model_version("pets", f"models:/{model.model_id}", model_id=model.model_id)
    client.set_registered_model_alias("pets", "champion", "1")
    for text in (expected.uri, "models:/pets@champion", "models:/pets/1", f"runs:/{model.source_run_id}"):
        assert find_weights(text, architecture="cnn") == expected
    assert find_weights("", architecture="cnn") is None


def test_a_model_of_another_architecture_is_named_with_what_to_say(model: Any) -> None:
    with pytest.raises(UserError, match=r"models:/m-.* is of architecture cnn, not cct; say architecture=cnn$"):
        find_weights(f"models:/{model.model_id}", architecture="cct")


@pytest.mark.parametrize("text", ["models:/m-0", "models:/pets@champion", "runs:/0123", "runs:/"])
def test_an_unknown_model_ends_in_a_line(store: Path, text: str) -> None:
    with pytest.raises(UserError, match=rf"^weights={text} is not known at "):
        find_weights(text, architecture="cnn")


def test_a_file_that_is_none_of_weights_ends_in_a_line(store: Path) -> None:
    (store / "mine.pt").write_bytes(b"\x80\x04pickled")
    with pytest.raises(UserError, match=r"mine\.pt cannot be read: no file of weights; expected \.keras"):
        find_weights(str(store / "mine.pt"), architecture="cnn")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("/no/such.keras", UserError, "names no file; expected a file"),
        ("ftp://host/a.keras", UserError, "names no file"),
        ("https://me:pa55word@host/a.keras", SecretError, "a name or password before the host"),
    ],
)
def test_a_misspelt_value_is_refused_before_anything_runs(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_weights(text)


@pytest.mark.parametrize("text", ["", "models:/pets@champion", "hf:me/pets/w.weights.h5", "s3://bucket/w.keras"])
def test_what_must_be_asked_for_elsewhere_is_accepted(text: str) -> None:
    check_weights(text)
