"""A photo unlike the training's has a score above 1, from inside the network; the probabilities stay as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawprint.models.architectures import build_model
from pawprint.models.inference import build_inference_network
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS, load_network_file
from pawprint.models.portable import EVIDENCE, build_portable_network
from pawprint.models.unlikeness import (
    FEATURES,
    NEIGHBOURS,
    add_features,
    add_unlikeness,
    build_feature_network,
    measure_distances,
    measure_distances_within,
)

SIDE = 32


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3)).astype(np.float32)


def build(architecture: str, *, classes: int = 2) -> Any:
    model = build_model(architecture, num_classes=classes, image_size=SIDE, seed=0)
    return build_inference_network(model, image_size=SIDE, side=SIDE, num_classes=classes, flip_average=True)


# A single logit for two classes, and a network whose last layer sees the mean over all places.
@pytest.mark.parametrize("architecture", ["baseline", "efficientnet_lite0"])
def test_the_score_is_part_of_the_network_and_of_its_file(architecture: str, photos, tmp_path: Path) -> None:
    network = build(architecture)
    features = np.asarray(build_feature_network(network)(photos))
    bank, threshold = features[:5], float(np.median(measure_distances(features, features[:5])))
    add_unlikeness(network, bank, threshold).save(tmp_path / "network.keras")
    stored = load_network_file(tmp_path / "network.keras")
    outputs = stored(photos)
    np.testing.assert_allclose(outputs[PROBABILITIES], network(photos), atol=1e-6)
    described = add_features(stored)(photos)
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(described[FEATURES], directions, atol=1e-4)
    np.testing.assert_array_equal(described[PROBABILITIES], outputs[PROBABILITIES])
    assert add_features(network) is network  # as an earlier version logged it
    expected = measure_distances(features, bank) / threshold
    np.testing.assert_allclose(outputs[UNLIKENESS], expected, rtol=1e-3, atol=1e-3)
    portable = build_portable_network(stored)(photos)
    np.testing.assert_allclose(portable[UNLIKENESS], outputs[UNLIKENESS], rtol=1e-3, atol=1e-3)
    assert (EVIDENCE in portable) == (architecture == "efficientnet_lite0")


def test_the_features_are_what_the_last_layer_sees_of_the_upright_photo(photos) -> None:
    import keras

    model = build_model("baseline", num_classes=3, image_size=SIDE, seed=0)
    network = build_inference_network(model, image_size=SIDE, side=SIDE, num_classes=3, flip_average=True)
    expected = keras.Model(model.input, model.layers[-1].input)(photos)
    np.testing.assert_allclose(build_feature_network(network)(photos), expected, atol=1e-6)


def test_a_bank_may_be_smaller_than_the_number_of_neighbours_and_a_threshold_zero(photos) -> None:
    network = build("baseline")
    bank = np.asarray(build_feature_network(network)(photos[: NEIGHBOURS - 1]))
    assert np.isfinite(add_unlikeness(network, bank, 0.0)(photos)[UNLIKENESS]).all()


def test_distances_are_those_of_the_nearest_and_leave_the_photo_itself_out() -> None:
    turns = np.radians([0, 0, 0, 60, 90])
    bank = np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)
    np.testing.assert_allclose(measure_distances(7 * bank[:1], bank), 0, atol=1e-6)
    within = measure_distances_within(bank)
    np.testing.assert_allclose(within[0], 1 - (1 + 1 + 0.5) / 3, atol=1e-6)
    np.testing.assert_allclose(within[4], 1 - np.cos(np.radians([30, 90, 90])).mean(), atol=1e-6)
    assert measure_distances(np.zeros((1, 2), np.float32), bank).tolist() == [1.0]
