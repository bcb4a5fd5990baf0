"""A store that someone else can write to: nothing in it runs, and nothing that was swapped is taken."""

import base64
import json
import marshal
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from benchmarks.untrained import log_network
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file, write_json
from pawprint.models.architectures import ARCHITECTURES, build_model
from pawprint.models.network_file import UnsafeNetworkError, check_network_file, load_network_file
from pawprint.models.prediction import load_network
from pawprint.serving.classifier import PhotoClassifier
from pawprint.tracking.model_files import overall_digest, write_model_files
from pawprint.tracking.models import open_photo_model
from tests.stores import make_store

pytestmark = [
    # Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    # MLflow 3.17 with the SQLAlchemy and pandas of the lock.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

FACTS: dict[str, Any] = {
    "class_names": ("cats", "dogs"),
    "image_size": 4,
    "architecture": "cnn",
    "dataset_digest": "0" * 64,
}


def tiny_network(*extra: Any) -> Any:
    import keras

    layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(), *extra, keras.layers.Dense(2, activation="softmax")]
    return keras.Sequential(layers)


class Poison:
    """Unpickled, it makes a folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("poisoned",)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model's files. Whatever they are changed to, no folder `poisoned` is there in the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "artifacts").mkdir()
    write_model_files(tiny_network(), tmp_path / "artifacts", **FACTS)
    yield tmp_path / "artifacts"
    assert not (tmp_path / "poisoned").exists()


def change_config(path: Path, change: Callable[[str], str]) -> None:
    """Rewrite a .keras file with another config.json."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def lambda_layer() -> dict[str, Any]:
    """What Keras writes for a Lambda layer of Python code; the code makes a folder."""
    code = marshal.dumps((lambda x: __import__("os").mkdir("poisoned") or x).__code__)
    function = {
        "class_name": "__lambda__",
        "config": {"code": base64.b64encode(code).decode(), "defaults": None, "closure": None},
    }
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"function": function}, "registered_name": None}


def named(module: str | None, name: str, registered: str | None = None, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


FOREIGN = {
    "a Lambda layer": lambda_layer(),
    "a lambda alone": lambda_layer()["config"]["function"],
    "a function of a module": named("os", "mkdir"),
    "a function": named("builtins", "function", "mkdir"),
    "a registered class": named("keras.layers", "Dense", "package>Dense"),
    "a layer that reads a file": named("keras.layers", "StringLookup", vocabulary="/etc/passwd"),
    "a layer that loads another format": named("keras.layers", "TFSMLayer", filepath="/tmp/x"),  # noqa: S108
    "a PyTorch module": named("keras.layers", "TorchModuleWrapper"),
    "a download": named("keras.utils", "get_file", origin="http://127.0.0.1/x"),
    "an inner module": named("keras.src.layers.core.lambda_layer", "Lambda"),
    "a TensorFlow type": {"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "os", "config": []},
    "no text": named("keras.layers", ["Dense"]),  # type: ignore[arg-type]
    "no module": named(["keras.layers"], "Dense"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_network_of_anything_but_layers_that_compute_is_refused(files: Path, name: str) -> None:
    def add(config: str) -> str:
        content = json.loads(config)
        content["config"]["layers"].append(FOREIGN[name])
        return json.dumps(content)

    change_config(files / "network.keras", add)
    with pytest.raises(UnsafeNetworkError, match=r"which is (no layer|not what)"):
        load_network_file(files / "network.keras")
    with pytest.raises(UserError, match="give a model that train has logged"):
        load_network(files / "network.keras")


def test_a_lambda_is_refused_even_where_unsafe_loading_was_switched_on(files: Path) -> None:
    import keras

    change_config(files / "network.keras", lambda config: json.dumps(json.loads(config) | {"extra": lambda_layer()}))
    keras.config.enable_unsafe_deserialization()
    try:
        with pytest.raises(UnsafeNetworkError, match=r"Lambda|lambda"):
            load_network_file(files / "network.keras")
    finally:
        keras.src.saving.serialization_lib.global_state.set_global_attribute("safe_mode_saving", None)


def test_keras_own_safe_mode_is_on_too(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a Lambda ever pass the list, Keras refuses it."""

    def add(config: str) -> str:
        content = json.loads(config)
        content["config"]["layers"].insert(2, lambda_layer())
        return json.dumps(content)

    change_config(files / "network.keras", add)
    monkeypatch.setattr("pawprint.models.network_file._check_object", lambda *_: None)
    with pytest.raises(UnsafeNetworkError, match=r"[Uu]nsafe|safe mode|safe_mode"):
        load_network_file(files / "network.keras")


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(Poison()), b"\x89HDF\r\n\x1a\n" + b"\0" * 500, b"", b"PK\x05\x06" + b"\0" * 18, b"\0" * 1000],
)
def test_other_formats_are_refused(files: Path, content: bytes) -> None:
    (files / "network.keras").write_bytes(content)
    with pytest.raises(UnsafeNetworkError, match=r"cannot be read as a .keras file"):
        load_network_file(files / "network.keras")
    for name in ("network.h5", "network.pkl", "network"):
        (files / name).write_bytes(content)
        with pytest.raises(UnsafeNetworkError, match="no other format is loaded"):
            load_network_file(files / name)


def test_a_config_that_unpacks_to_gigabytes_is_refused(files: Path) -> None:
    with zipfile.ZipFile(files / "network.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**27)
    with pytest.raises(UnsafeNetworkError, match="more than 16 MiB"):
        check_network_file(files / "network.keras")


@pytest.mark.parametrize("name", ["../../poisoned/x", "assets/layer/large.bin", "model.weights.npz"])
def test_a_file_with_more_in_it_than_a_network_is_refused(files: Path, name: str) -> None:
    """Keras unpacks assets to disk, and takes weights in other formats where the usual ones are away."""
    with zipfile.ZipFile(files / "network.keras", "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(UnsafeNetworkError, match="no part of a network"):
        load_network_file(files / "network.keras")


@pytest.mark.parametrize("error", [MemoryError(), "ResourceExhaustedError"])
def test_a_network_that_asks_for_all_the_memory_ends_in_a_line(
    error: Exception | str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen with four thousand million units; raised here by hand, since a large machine might have the memory."""
    import keras
    import tensorflow as tf

    raised = error if isinstance(error, Exception) else getattr(tf.errors, error)(None, None, "OOM")

    def refuse(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(keras.models, "load_model", refuse)
    with pytest.raises(UserError, match="more memory than there is"):
        load_network(files / "network.keras")


def load_served(files: Path) -> None:
    artifacts = {"network": "network.keras", "description": "model.json", "digests": "digests.json"}
    paths = {key: str(files / name) for key, name in artifacts.items()}
    PhotoClassifier().load_context(SimpleNamespace(artifacts=paths, model_config={"max_photos": 9}))


@pytest.mark.parametrize("name", ["network.keras", "model.json"])
def test_the_served_model_loads_only_what_was_logged(files: Path, name: str) -> None:
    load_served(files)
    with (files / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(MlflowException, match=f"{name} is not what was logged"):
        load_served(files)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_our_own_networks_pass(architecture: str, tmp_path: Path) -> None:
    from pawprint.models.inference import build_inference_network

    network = build_model(architecture, num_classes=3, image_size=32, seed=0)
    whole = build_inference_network(network, image_size=40, side=32, num_classes=3, flip_average=True)
    whole.save(tmp_path / "network.keras")
    check_network_file(tmp_path / "network.keras")


@pytest.mark.slow
@pytest.mark.parametrize(
    "application", ["MobileNetV3Small", "ConvNeXtTiny", "NASNetMobile", "InceptionResNetV2", "EfficientNetV2B0"]
)
def test_the_networks_of_keras_applications_pass(application: str, tmp_path: Path) -> None:
    import keras

    getattr(keras.applications, application)(weights=None).save(tmp_path / "network.keras")
    check_network_file(tmp_path / "network.keras")


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A model in a store, and its folder there."""
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(make_store(tmp_path))
    experiment = mlflow.create_experiment("models", artifact_location=(tmp_path / "store").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        model = log_network(tiny_network(), class_names=FACTS["class_names"])
    yield model.uri, Path(mlflow.get_logged_model(model.model_id).artifact_location.removeprefix("file://"))
    mlflow.set_tracking_uri(before)
    assert not (tmp_path / "poisoned").exists()


def swap_network(folder: Path, network: Path) -> None:
    """Put another network into a logged model, with digests that agree, as someone who means harm would."""
    artifacts = folder / "artifacts"
    shutil.copyfile(network, artifacts / "network.keras")
    files = {name: hash_file(artifacts / name) for name in ("model.json", "network.keras")}
    digests = {"schema_version": 1, "files": files, "digest": overall_digest(files)}
    write_json(digests, artifacts / "digests.json")


@pytest.mark.slow
def test_a_swapped_network_is_refused_though_its_digests_agree(logged: tuple[str, Path], tmp_path: Path) -> None:
    uri, folder = logged
    with open_photo_model(uri):
        pass
    tiny_network().save(tmp_path / "other.keras")
    shutil.copyfile(tmp_path / "other.keras", folder / "artifacts/network.keras")
    with pytest.raises(UserError, match=r"network\.keras is not what was written"), open_photo_model(uri):
        pass
    swap_network(folder, tmp_path / "other.keras")
    with pytest.raises(UserError, match="the files in the store were swapped"), open_photo_model(uri):
        pass


@pytest.mark.slow
def test_a_poisoned_pickle_in_the_store_is_never_opened(logged: tuple[str, Path], tmp_path: Path) -> None:
    """Under every name that MLflow unpickles, with an MLmodel that says so."""
    uri, folder = logged
    for name in ("python_model.pkl", "model.pkl", "artifacts/network.pkl", "data/model.pkl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(pickle.dumps(Poison()))
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("python_model: model_code.py", "python_model: python_model.pkl"))
    with open_photo_model(uri) as model:  # our steps read the network and its description, and run nothing
        assert model.class_names == FACTS["class_names"]
    (tmp_path / "poison.keras").write_bytes(pickle.dumps(Poison()))
    swap_network(folder, tmp_path / "poison.keras")
    with pytest.raises(UserError), open_photo_model(uri):
        pass
    with pytest.raises(MlflowException, match=r"not what was logged|cannot|could not|No such"):
        shutil.copyfile(tmp_path / "poison.keras", folder / "artifacts/model.json")
        load_served(folder / "artifacts")
