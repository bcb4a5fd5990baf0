import importlib

import keras
import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.models import keras_applications
from pawprint.models.architectures import build_model, check_architecture, recipe_for


def test_the_names_are_those_of_keras():
    factories = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(keras_applications.NAMES) == factories


def test_a_name_is_checked_and_the_near_one_named():
    check_architecture("keras:ResNet50")
    assert recipe_for("keras:ResNet50").frozen
    with pytest.raises(UserError, match="Did you mean 'keras:MobileNetV2'"):
        check_architecture("keras:mobilenetv2")


@pytest.mark.slow
def test_the_same_way_as_any_other_but_for_the_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(keras_applications, "WEIGHTS", None)  # there is no network in a test
    model = build_model("keras:MobileNetV3Small", num_classes=3, image_size=64, seed=0)
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    logits = model(pictures).numpy()
    assert logits.shape == (2, 3)
    model.save(tmp_path / "network.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "network.keras")(pictures), logits, atol=1e-5)


@pytest.mark.parametrize("name", ["MobileNetV2", "DenseNet121", "ResNet50"])
def test_what_an_application_does_to_pixels_survives_saving(name, tmp_path, monkeypatch):
    """One application of each of Keras's three ways, its network left out."""
    factory = getattr(keras.applications, name)

    def body(**_):
        inputs = keras.Input((8, 8, 3))
        return keras.Model(inputs, keras.layers.Flatten()(inputs))

    body.__module__ = factory.__module__
    monkeypatch.setattr(keras.applications, name, body)
    model = keras_applications.build(application=name, num_classes=2, image_size=8, weights=None)
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype(np.float32)
    prepared = keras.Model(model.input, model.layers[-1].input)(pictures).numpy()
    expected = importlib.import_module(factory.__module__).preprocess_input(pictures.copy())
    np.testing.assert_allclose(prepared, expected.reshape(2, -1), rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(again(pictures), model(pictures), rtol=1e-4, atol=1e-3)


def test_weights_that_cannot_be_had_are_said_in_one_line(monkeypatch):
    def unreachable(**_):
        raise Exception("URL fetch failure on https://storage.example/weights.h5:\n None -- no network")

    unreachable.__module__ = keras.applications.MobileNetV2.__module__
    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    with pytest.raises(
        UserError, match=r"keras:MobileNetV2 cannot be loaded at image_size=64: URL fetch failure.*None"
    ):
        build_model("keras:MobileNetV2", num_classes=2, image_size=64, seed=0)
