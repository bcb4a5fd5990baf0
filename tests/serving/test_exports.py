"""Exported networks against the network itself, and the evidence against what it is made of."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.models.architectures import build_model
from pawprint.models.inference import build_inference_network
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS, name_outputs
from pawprint.models.portable import EVIDENCE, build_portable_network
from pawprint.models.prediction import Compiled
from pawprint.models.unlikeness import add_unlikeness, build_feature_network
from pawprint.pipeline.cache_keys import EXPORT_FILES, build_key
from pawprint.serving import agreement, demo_page
from pawprint.serving.checks import DESCRIPTION, check_exports
from pawprint.serving.exports import write_exports
from pawprint.serving.formats import FILES, QUANTIZED, list_formats
from pawprint.serving.runtimes import load_export

# Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE, INNER, CLASSES = 24, 16, ("ant", "bee <i>", "</script>")
FACTS = {"class_names": list(CLASSES), "image_size": SIDE, "architecture": "tiny", "model_digest": "ab" * 32}


def tiny_model() -> Any:
    """Ends in the mean over all places and one linear layer, as `cnn` does, and has a GELU as `cct` does."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 64.0, offset=-2.0)(pixels)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(6, activation="gelu")(x)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, layers.Dense(len(CLASSES), bias_initializer="random_normal")(x), name="tiny")


def finish(model: Any, *, side: int = INNER) -> Any:
    return build_inference_network(model, image_size=SIDE, side=side, num_classes=len(CLASSES), flip_average=True)


def ask(network: Any, images: np.ndarray) -> agreement.Reference:
    """Ask a network; as labels, the photos get its own answers, so that each other answer is a mistake."""
    answers = name_outputs(network(images.astype(np.float32), training=False))[PROBABILITIES]
    labels = np.asarray(answers).argmax(axis=1)
    return agreement.ask_network(network, images, labels, SIDE)


def export(network: Any, images: np.ndarray, folder: Path, *formats: str) -> list[Any]:
    asked = list_formats(",".join(formats))
    return write_exports(ask(network, images), folder, formats=asked, calibration=images, facts=FACTS)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> tuple[Any, Path]:
    """A network as it is after storing and loading, and the folder of its exports."""
    import keras

    folder = tmp_path_factory.mktemp("exports")
    whole = finish(tiny_model())
    bank = np.asarray(build_feature_network(whole)(images[:4].astype(np.float32)))
    add_unlikeness(whole, bank, 0.01).save(folder / "network.keras")
    network = keras.models.load_model(folder / "network.keras", compile=False)
    exports = export(network, images, folder, *FILES)
    assert [export.path for export in exports] == [folder / file for file in FILES.values()]
    return network, folder


@pytest.mark.parametrize("file", [file for name, file in FILES.items() if name not in QUANTIZED])
def test_an_export_gives_the_networks_answers_for_any_number_of_photos(written, images, file: str) -> None:
    network, folder = written
    exported = load_export(folder / file)
    expected = network(images.astype(np.float32), training=False)
    for number in (1, len(images)):
        found = exported.outputs(images[:number])
        np.testing.assert_allclose(found[PROBABILITIES], expected[PROBABILITIES][:number], atol=1e-5)
        np.testing.assert_allclose(found[UNLIKENESS], expected[UNLIKENESS][:number], rtol=1e-3, atol=1e-3)


def test_the_evidence_is_the_logit_taken_apart(images) -> None:
    import keras

    model = tiny_model()
    said = build_portable_network(finish(model, side=SIDE))(images.astype(np.float32))
    bias = model.layers[-1].bias.numpy()
    views = [images.astype(np.float32), images[:, :, ::-1].astype(np.float32)]
    logits = np.mean([np.asarray(model(view)) for view in views], axis=0)
    np.testing.assert_allclose(np.asarray(said[EVIDENCE]).mean(axis=(1, 2)) + bias, logits, atol=1e-5)
    # Where it lies: each place's own features through the last layer, the mirror image's turned back.
    features = keras.Model(model.input, model.layers[-3].input)
    one, other = (np.asarray(features(view)) @ model.layers[-1].kernel.numpy() for view in views)
    np.testing.assert_allclose(said[EVIDENCE], (one + other[:, :, ::-1]) / 2, atol=1e-5)


def test_a_network_that_mixes_all_places_has_no_evidence(images) -> None:
    network = finish(build_model("baseline", num_classes=len(CLASSES), image_size=INNER, seed=0))
    said = build_portable_network(network)(images.astype(np.float32))
    assert list(said) == [PROBABILITIES]
    np.testing.assert_allclose(said[PROBABILITIES], network(images.astype(np.float32)), atol=1e-5)


def test_the_onnx_file_says_what_it_is(written) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(written[1] / FILES["onnx"], providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["class_names"]) == list(CLASSES)
    assert json.loads(facts["image_size"]) == SIDE
    assert facts["model_digest"] == FACTS["model_digest"]
    assert {one.name: one.shape[0] for one in (*session.get_inputs(), *session.get_outputs())} == {
        "pixels": "photos",
        PROBABILITIES: "photos",
        UNLIKENESS: "photos",
        EVIDENCE: "photos",
    }


def test_the_description_has_differences_and_times(written) -> None:
    told = json.loads((written[1] / DESCRIPTION).read_text("utf-8"))
    assert told["evidence"]
    for name, file in FILES.items():
        found = told["formats"][name]
        assert found["quantized"] == (name in QUANTIZED)
        assert 0 <= found["max_difference"] < (0.05 if name in QUANTIZED else agreement.MAX_DIFFERENCE)
        assert found["unlikeness_difference"] >= 0
        assert name in QUANTIZED or found["unlikeness_difference"] < agreement.MAX_UNLIKENESS_DIFFERENCE
        assert found["photos"] == found["same_labels"] == 7
        assert found["accuracy_cost_low"] < found["accuracy_cost"] == 0 < found["accuracy_cost_high"]
        assert found["bytes"] == (written[1] / file).stat().st_size
        assert found["milliseconds"]["alone"] > 0
    assert told["keras_milliseconds"]["alone"] > 0


def test_what_answers_otherwise_is_not_kept(tmp_path: Path, images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "MAX_DIFFERENCE", 0.0)
    exports = export(finish(tiny_model()), images, tmp_path, "onnx")
    assert exports[0].path is None
    assert "not kept" in exports[0].summary
    assert [path.name for path in tmp_path.iterdir()] == [DESCRIPTION]


def test_fewer_bits_are_inside_and_pixels_and_probabilities_stay_as_they_were(written, images) -> None:
    import tensorflow as tf

    network, folder = written
    expected = network(images.astype(np.float32), training=False)[PROBABILITIES]
    for name, inside in (("litert-float16", np.float16), ("litert-int8", np.int8)):
        with pytest.warns(UserWarning, match="Interpreter is deprecated"):
            tensors = tf.lite.Interpreter(str(folder / FILES[name])).get_tensor_details()
        # The kernel of the 3 by 3 convolution; int8 also computes in int8: tensors with a photo's first axis.
        assert inside in {one["dtype"] for one in tensors if list(one["shape"]) == [6, 3, 3, 3]}
        computed = {one["dtype"] for one in tensors if list(one["shape"]) == [1, INNER // 2, INNER // 2, 6]}
        assert (np.int8 in computed) == (name == "litert-int8")
        answers = load_export(folder / FILES[name]).outputs(images)
        assert answers[PROBABILITIES].dtype == np.float32
        np.testing.assert_allclose(answers[PROBABILITIES], expected, atol=0.05)


def test_fewer_bits_that_cost_more_than_a_point_are_kept_only_if_asked_for(
    tmp_path: Path, images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "MAX_COST", -0.01)
    network = finish(tiny_model())
    (dropped,) = export(network, images, tmp_path, "litert-int8")
    assert dropped.path is None
    assert "not kept, since on 7 photos it costs 0.0 points" in dropped.summary
    assert "export=litert-int8:keep" in dropped.summary
    assert [path.name for path in tmp_path.iterdir()] == [DESCRIPTION]
    (kept,) = export(network, images, tmp_path, "litert-int8:keep")
    assert kept.path == tmp_path / FILES["litert-int8"]
    assert "as asked" in kept.summary
    assert json.loads((tmp_path / DESCRIPTION).read_text("utf-8"))["formats"]["litert-int8"]["holds"] is False


def test_accuracy_decides_on_fewer_bits(images) -> None:
    """A hundred photos of class 0, of which the model gets all right and the export all but a few."""
    probabilities = np.tile(np.float32([[0.9, 0.1]]), (100, 1))
    reference = agreement.Reference(None, SIDE, np.tile(images[:1], (100, 1, 1, 1)), np.zeros(100, int), probabilities)

    def compare(wrong: int) -> agreement.Agreement:
        answers = iter(np.where(np.arange(100) < wrong, 0.4, 0.8).astype(np.float32))

        def answer(pixels: np.ndarray) -> dict[str, np.ndarray]:
            return {PROBABILITIES: np.stack([(one, 1 - one) for _, one in zip(pixels, answers, strict=False)])}

        return reference.compare(Compiled(answer), quantized=True)

    assert [compare(wrong).holds for wrong in (0, 1, 2)] == [True, True, False]
    found = compare(2)
    assert (found.same_labels, found.accuracy_cost) == (98, 0.02)
    assert found.accuracy_cost_low < 0.02 < found.accuracy_cost_high
    assert "costs 2.0 points of accuracy" in agreement.describe_agreement(found)


def test_what_can_not_be_exported_is_told_and_costs_nothing_else(tmp_path: Path, images) -> None:
    import keras

    pixels = keras.Input((SIDE, SIDE, 3))
    unknown = keras.ops.erfinv(keras.ops.mean(pixels, axis=(1, 2)) / 300.0)  # tf2onnx has no such operation
    network = keras.Model(pixels, keras.ops.softmax(unknown))
    exports = export(network, images, tmp_path, "onnx")
    assert exports[0].path is None
    assert "can't be exported" in exports[0].summary
    assert [path.name for path in tmp_path.iterdir()] == [DESCRIPTION]


def test_a_changed_file_shows_on_other_photos(written, images, tmp_path: Path) -> None:
    network, folder = written
    other = finish(build_model("baseline", num_classes=len(CLASSES), image_size=INNER, seed=0))
    assert all(one.holds for one in check_exports(ask(network, images), folder, tmp_path).values())
    checks = check_exports(ask(other, images), folder, tmp_path)
    assert set(checks) == set(FILES)
    assert not any(one.holds for one in checks.values())
    assert json.loads((tmp_path / DESCRIPTION).read_text("utf-8"))["onnx"]["holds"] is False


@pytest.mark.parametrize(("length", "number"), [(1000, 500), (501, 500), (500, 500), (7, 7), (1, 1)])
def test_photos_are_chosen_evenly_and_once(length: int, number: int) -> None:
    chosen = agreement.choose_places(length)
    assert len(set(chosen)) == number
    assert {chosen[0], chosen[-1]} == {0, length - 1}


def test_formats() -> None:
    assert list_formats("litert,onnx,litert") == {"litert": False, "onnx": False}
    assert list_formats("litert-int8:keep,litert-int8, litert-float16") == {
        "litert-int8": True,
        "litert-float16": False,
    }
    with pytest.raises(UserError, match="'tflite' is not known; choose from onnx, litert"):
        list_formats("onnx,tflite")
    with pytest.raises(UserError, match="'litert:keep' is not known; only litert-float16 and litert-int8 may end"):
        list_formats("litert:keep")


def test_what_exports_is_part_of_trains_key_only_where_something_is_exported() -> None:
    def code(export: str) -> set[str]:
        parts = build_key("train", {"architecture": "cnn", "export": export}, {}).parts
        return {name for name in parts if name.startswith("code ")}

    assert set(EXPORT_FILES) == {f"pawprint/serving/demo/{name}" for name in demo_page.FILES}
    exporting = {f"code {name}" for name in (*EXPORT_FILES, "pawprint/models/portable.py")}
    assert exporting <= code("onnx")
    assert not exporting & code("")
