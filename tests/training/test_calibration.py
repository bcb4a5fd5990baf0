"""A trained network after calibration: the same labels, the same bytes each time."""

import keras
import numpy as np
import pytest

from pawprint.models.inference import build_inference_network
from pawprint.models.network_file import PROBABILITIES
from pawprint.models.prediction import predict_probabilities
from pawprint.models.prediction_sets import PredictionSets, find_sets
from pawprint.tracking.model_files import write_model_files
from pawprint.training.calibration import calibrate


@pytest.fixture
def too_sure():
    """A network that tells two classes apart by their brightness, and is much too sure of it."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(2, name="head")(x))
    model.get_layer("head").set_weights([np.array([[-60.0, 60.0]] * 3), np.array([90.0, -90.0])])
    return build_inference_network(model, image_size=8, side=8, num_classes=2, flip_average=True)


@pytest.fixture
def validation(make_split):
    """Noise whose labels the brightness tells three times in four."""
    split = make_split(200, side=8)
    generator = np.random.default_rng(0)
    split.images[:] = generator.integers(0, 256, split.images.shape)
    bright = split.images.mean(axis=(1, 2, 3)) > 127.5
    split.labels[:] = np.where(generator.random(200) < 0.75, bright, ~bright)
    return split


def ask(network, split):
    return {PROBABILITIES: predict_probabilities(network, split.images, 8)}


def test_too_sure_a_network_becomes_less_sure_and_says_the_same(too_sure, validation):
    calibrated = calibrate(too_sure, validation, ask(too_sure, validation))
    before, after = (predict_probabilities(one, validation.images, 8) for one in (too_sure, calibrated.network))
    assert calibrated.temperature > 1.5
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    right = (after.argmax(axis=1) == validation.labels).mean()
    assert abs(after.max(axis=1).mean() - right) < abs(before.max(axis=1).mean() - right) / 2
    # The sets are those of the answers that will be given.
    assert calibrated.sets.num_photos == 200
    for level, threshold in find_sets(validation.labels, after).thresholds.items():
        assert calibrated.sets.thresholds[level] == pytest.approx(threshold, abs=1e-6)


def test_the_same_network_and_photos_give_the_same_bytes(too_sure, validation, tmp_path):
    digests = []
    for name in ("whole", "resumed"):
        keras.utils.clear_session()  # as each in a process of its own: Keras numbers operations
        calibrated = calibrate(too_sure, validation, ask(too_sure, validation))
        (tmp_path / name).mkdir()
        digests.append(
            write_model_files(
                calibrated.network,
                tmp_path / name,
                class_names=("dark", "light"),
                image_size=8,
                architecture="cnn",
                dataset_digest="0" * 64,
                temperature=calibrated.temperature,
                sets=calibrated.sets,
            )
        )
    assert digests[0] == digests[1]


def test_without_validation_photos_the_network_stays_as_it_is(too_sure):
    calibrated = calibrate(too_sure, None, None)
    assert calibrated.network is too_sure
    assert calibrated.temperature == 1
    assert calibrated.sets == PredictionSets(0, {90: None, 95: None, 99: None})
