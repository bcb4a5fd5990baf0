"""Where a network is weak and what it looked at, with small real networks."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image

from pawprint.dataset.reader import Split
from pawprint.evaluation.explanations import choose_explained, map_activations, occlude, overlay
from pawprint.evaluation.weaknesses import write_weaknesses
from pawprint.models.inference import build_inference_network
from pawprint.models.portable import build_portable_network
from pawprint.models.prediction import compile_network

SIDE = 32


def build_network(*, pooled=True):
    """Answer "red" or "green" from the share of each: the evidence lies exactly where the colour is."""
    pixels = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.AveragePooling2D(4)(pixels)
    if pooled:
        x = keras.layers.GlobalAveragePooling2D()(features)
        weights = np.array([[0.1, 0], [0, 0.1], [0, 0]])
    else:
        x = keras.layers.Flatten()(features)
        weights = np.tile([[0.1, 0], [0, 0.1], [0, 0]], (64, 1)) / 64
    model = keras.Model(pixels, keras.layers.Dense(2, name="head")(x))
    model.get_layer("head").set_weights([weights.astype(np.float32), np.zeros(2, np.float32)])
    return build_inference_network(model, image_size=SIDE, side=SIDE, num_classes=2, flip_average=True)


def paint(red, green):
    """Photos with a red square top left of `red` pixels a side and a green one bottom right."""
    photo = np.zeros((SIDE, SIDE, 3), np.uint8)
    photo[:red, :red, 0] = 255
    photo[SIDE - green :, SIDE - green :, 1] = 255
    return photo


def test_the_evidence_lies_where_the_colour_is_by_both_methods():
    photos = np.stack([paint(16, 8), paint(8, 16)])
    answers = np.array([0, 1])
    network = build_network()
    maps = map_activations(build_portable_network(network), photos, answers)
    hidden = occlude(lambda batch: np.asarray(network(batch.astype(np.float32))), photos, answers)
    for evidence in (maps, hidden):
        last = evidence.shape[1] - 1
        assert evidence[0, 0, 0] > 0 > evidence[0, last, last]
        assert evidence[1, last, last] > 0 > evidence[1, 0, 0]


@pytest.mark.parametrize("pooled", [True, False])
def test_all_is_written_for_networks_with_and_without_activation_maps(tmp_path, pooled):
    sizes = np.random.default_rng(0).integers(4, 17, (30, 2))
    photos = np.stack([paint(*pair) for pair in sizes])
    labels = (sizes[:, 1] > sizes[:, 0] + 2).astype(np.int64)  # so that some answers are wrong
    network = build_network(pooled=pooled)
    said = np.asarray(network(photos.astype(np.float32)))
    assert 0 < (said.argmax(axis=1) == labels).mean() < 1
    members = tuple(f"x/{number}.jpg" for number in range(30))
    split, names = Split(photos, labels, members), ["a\nred $x$", "green"]
    told = write_weaknesses(network, compile_network(network, SIDE), SIDE, split, said, names, tmp_path)
    assert told.startswith("No slice has 20 test photos")
    assert "Of 30 photos" in told
    assert {path.name for path in tmp_path.iterdir()} == {
        "slices.csv",
        "slices.png",
        "robustness.csv",
        "robustness.png",
        "explanations.png",
    }
    for path in tmp_path.glob("*.png"):
        pixels = np.asarray(Image.open(path).convert("L"))
        rim = np.concatenate([pixels[:3].ravel(), pixels[-3:].ravel(), pixels[:, :3].ravel(), pixels[:, -3:].ravel()])
        assert rim.min() == 255, f"{path.name} is cut off"
    with (tmp_path / "robustness.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 13


def test_the_surest_of_each_class_are_explained_right_ones_first():
    labels = np.array([0] * 10 + [1] * 3)
    sure = np.linspace(0.6, 0.95, 13)
    second = np.where(np.arange(13) % 5 == 0, sure, 1 - sure)  # 0, 5 and 10 are said to be of class 1
    second[10:] = sure[10:]
    chosen = choose_explained(labels, np.stack([1 - second, second], axis=1))
    assert chosen == [9, 8, 7, 6, 5, 0, 12, 11, 10]
    many = np.arange(60) % 10
    assert len(choose_explained(many, np.eye(10)[many] * 0.9 + 0.01)) == 12


def test_evidence_is_coloured_by_its_sign():
    laid = overlay(np.full((16, 16, 3), 128, np.uint8), np.array([[1.0, 1.0], [-1.0, -1.0]])).astype(int)
    assert laid[0, 8, 0] > laid[0, 8, 2]
    assert laid[-1, 8, 0] < laid[-1, 8, 2]
    plain = overlay(np.full((4, 4, 3), 77, np.uint8), np.zeros((2, 2)))
    assert (plain == 77).all()
