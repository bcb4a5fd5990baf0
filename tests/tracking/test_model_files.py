import ast
import io
import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.files import PROJECT
from pawprint.models.decision import Answered, Decision, read_decision
from pawprint.models.prediction_sets import PredictionSets
from pawprint.tracking.model_files import (
    CODE_FILES,
    draw_example,
    read_model_files,
    write_decision,
    write_model_code,
    write_model_files,
)
from pawprint.tracking.requirements import MODEL_PACKAGES, read_pins

# Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def tiny_network():
    import keras

    return keras.Sequential(
        [
            keras.Input((4, 4, 3), name="pixels"),  # an unnamed layer is numbered through the process
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(
                2, activation="softmax", kernel_initializer=keras.initializers.HeNormal(3), name="dense"
            ),
        ],
        name="tiny",
    )


def write(network, folder: Path, **changes) -> str:
    folder.mkdir()
    facts = {"class_names": ("cats", "dogs"), "image_size": 4, "architecture": "cnn", "dataset_digest": "0" * 64}
    return write_model_files(network, folder, **(facts | changes))


def test_the_same_network_gives_the_same_digest_at_any_time(tmp_path: Path) -> None:
    first = write(tiny_network(), tmp_path / "a")
    time.sleep(2.1)  # a zip counts in steps of two seconds
    assert write(tiny_network(), tmp_path / "b") == first
    assert write(tiny_network(), tmp_path / "c", class_names=("cats", "cows")) != first


def test_nor_does_the_digest_tell_where_in_memory_the_network_was(tmp_path: Path) -> None:
    import keras

    def build() -> keras.Model:
        policy = keras.DTypePolicy("float32")
        pixels = keras.Input((4, 4, 3), name="pixels")
        flat = keras.layers.Flatten(dtype=policy, name="flat")(pixels)
        return keras.Model(pixels, keras.layers.Dense(2, "softmax", dtype=policy, name="dense")(flat), name="tiny")

    networks = [build(), build()]  # both are there, so that their objects lie in different places
    networks[1].set_weights(networks[0].get_weights())
    digests = [write(network, tmp_path / str(number)) for number, network in enumerate(networks)]
    with zipfile.ZipFile(tmp_path / "0/network.keras") as archive:
        assert b'"shared_object_id": 0' in archive.read("config.json")
    assert digests[0] == digests[1]


def test_a_repacked_network_answers_as_before(tmp_path: Path) -> None:
    import keras

    network = tiny_network()
    write(network, tmp_path / "a")
    pixels = np.random.default_rng(0).integers(256, size=(3, 4, 4, 3)).astype(np.float32)
    again = keras.models.load_model(tmp_path / "a/network.keras", compile=False)
    np.testing.assert_array_equal(again(pixels), network(pixels))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    digest = write(tiny_network(), tmp_path / "a")
    description = read_model_files(tmp_path / "a", uri="models:/m-1")
    assert description["digest"] == digest
    assert description["class_names"] == ["cats", "dogs"]
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"network.keras", "model.json", "digests.json"}


def test_another_decision_is_another_model_of_the_same_network(tmp_path: Path) -> None:
    decision = Decision(0.01, 0.9, Answered(20, 18, 0, 1))
    digest = write(tiny_network(), tmp_path / "a", sets=PredictionSets(20, {95: 0.3}), decision=decision)
    changed = write_decision(tmp_path / "a", replace(decision, costs=[[0, 5], [1, 0]]))
    assert changed != digest
    description = read_model_files(tmp_path / "a", uri="models:/m-1")
    assert description["digest"] == changed
    assert read_decision(description) == replace(decision, costs=[[0, 5], [1, 0]])
    assert write_decision(tmp_path / "a", decision) == digest


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    write(tiny_network(), tmp_path / "a")
    (tmp_path / "a/model.json").write_text("{}")
    with pytest.raises(UserError, match=r"model\.json"):
        read_model_files(tmp_path / "a", uri="models:/m-1")


def test_another_schema_version_and_a_foreign_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model of this project"):
        read_model_files(tmp_path, uri="models:/m-1")
    (tmp_path / "digests.json").write_text(json.dumps({"schema_version": 9}))
    with pytest.raises(UserError, match="schema version 9"):
        read_model_files(tmp_path, uri="models:/m-1")


def test_the_code_that_travels_is_complete_and_no_more(tmp_path: Path) -> None:
    """Whatever the travelling files import of the project travels too."""
    folder = write_model_code(tmp_path)
    copied = {path.relative_to(tmp_path).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert copied == set(CODE_FILES)
    for name in [*CODE_FILES, "pawprint/serving/model_code.py"]:
        for node in ast.walk(ast.parse((PROJECT / name).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pawprint"):
                assert node.module.replace(".", "/") + ".py" in copied


def test_the_example_is_a_photo() -> None:
    assert Image.open(io.BytesIO(draw_example())).size == (64, 48)
    assert draw_example() == draw_example()


def test_pins_keep_markers_and_lose_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "# by uv\n"
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "    # via\n    #   pandas==9\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:cc\n"
        "typing-extensions==4.1\n"
        "uvicorn[standard]==1.0 \\\n    --hash=sha256:dd\n"
    )
    assert read_pins(lock, ["typing_extensions", "numpy", "uvicorn"]) == [
        "typing-extensions==4.1",
        "numpy==2.4.6 ; python_full_version < '3.12'",
        "numpy==2.5.5 ; python_full_version >= '3.12'",
        "uvicorn[standard]==1.0",
    ]
    with pytest.raises(UserError, match="pandas"):
        read_pins(lock, ["numpy", "pandas"])


def test_the_projects_lock_pins_what_a_model_needs() -> None:
    pins = read_pins(PROJECT / "requirements.txt")
    assert {pin.split("==")[0] for pin in pins} == set(MODEL_PACKAGES)
    assert not any("--hash" in pin or "\\" in pin for pin in pins)
