"""Tiny photos that a network can tell apart, and a tiny network: seconds, not minutes."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from pawprint.models import cnn, efficientnet_lite0
from pawprint.models.recipe import Stage
from pawprint.training.task import TrainingTask


def draw_split(num_photos, *, side=40, num_classes=2, seed=0):
    """Noise with a bright bar: its brightness is the class."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_photos) % num_classes
    images = generator.integers(0, 60, (num_photos, side, side, 3))
    images[:, side // 4 : -side // 4, side // 3 : -side // 3] += (labels * 120 // (num_classes - 1))[
        :, None, None, None
    ]
    return SimpleNamespace(images=images.astype(np.uint8), labels=labels.astype(np.int64))


@pytest.fixture(scope="session")
def make_split():
    return draw_split


@pytest.fixture(scope="module")
def small_cnn():
    """The cnn with one narrow block, and its recipe with two stages of small pictures, in float32 on any machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cnn, "STEM_WIDTH", 16)
        patch.setattr(cnn, "WIDTHS", (16,))
        patch.setattr(cnn, "BLOCKS", (1,))
        yield dataclasses.replace(
            cnn.RECIPE, stages=(Stage(0.0, 0.8, 2), Stage(0.5, 1.0, 1)), averaging=0.9, bfloat16=False
        )


@pytest.fixture
def make_task(make_split):
    """A short training of photos of 40 pixels."""

    def make(architecture, recipe, *, photos, judged, epochs):
        return TrainingTask(
            architecture=architecture,
            recipe=recipe,
            train=make_split(photos),
            validation=make_split(judged, seed=1),
            class_names=["a", "b"],
            image_size=40,
            epochs=epochs,
            batch_size=8,
            learning_rate=0.01,
            patience=0,
            seed=0,
        )

    return make


@pytest.fixture
def tiny_lite0(monkeypatch):
    """A network of three convolutions, one of them in a network of its own, as keras.applications are."""

    def build(*, num_classes, image_size):
        inside = keras.Input((None, None, 8))
        body = keras.Model(
            inside,
            keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, activation="relu", name="middle")(inside)),
        )
        pixels = keras.Input((None, None, 3))
        x = keras.layers.Conv2D(8, 3, strides=2, name="early")(keras.layers.Rescaling(1 / 128)(pixels))
        x = keras.layers.Conv2D(8, 3, activation="relu", name="late")(body(x))
        return keras.Model(pixels, keras.layers.Dense(num_classes)(keras.layers.GlobalAveragePooling2D()(x)))

    monkeypatch.setattr("pawprint.models.efficientnet_lite0.build", build)
    return efficientnet_lite0.RECIPE
