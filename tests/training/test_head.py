import keras
import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.models import features as features_module
from pawprint.models.architectures import recipe_for
from pawprint.models.features import FeatureStore
from pawprint.training.head import train_pretrained
from pawprint.training.task import TrainingTask


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features", dataset_digest="d1")


@pytest.fixture
def backbone():
    """Two features of a photo: its mean brightness left and right."""
    pixels = keras.Input((None, None, 3))
    left_and_right = keras.ops.mean(keras.ops.reshape(keras.ops.mean(pixels, axis=[1, 3]), (-1, 2, 20)), axis=2)
    return keras.Model(pixels, left_and_right / 255.0, name="halves")


@pytest.fixture
def tiny_lite0(monkeypatch):
    """The architecture's name, with a network of one convolution behind it, as frozen as the real one."""

    def build(*, num_classes, image_size):
        pixels = keras.Input((None, None, 3))
        x = keras.layers.Conv2D(8, 3, strides=2)(keras.layers.Rescaling(1 / 128)(pixels))
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(pixels, keras.layers.Dense(num_classes)(x))

    monkeypatch.setattr("pawprint.models.efficientnet_lite0.build", build)
    return "efficientnet_lite0"


def train(architecture, photos, validation, store, on_epoch=lambda *_, **__: None, **changes):
    asked = {
        "recipe": recipe_for(architecture),
        "class_names": ["a", "b"],
        "epochs": 6,
        "batch_size": 8,
        "learning_rate": 0.1,
        "patience": 0,
        "seed": 0,
        "image_size": 40,
    } | changes
    task = TrainingTask(architecture=architecture, train=photos, validation=validation, **asked)
    return train_pretrained(task, features=store, on_epoch=on_epoch)


def test_features_of_the_photo_and_its_mirror_image(store, backbone, make_split):
    photos = make_split(3)
    photos.images[:, :, :20] //= 2
    features = store.load(backbone, photos.images, name="train")
    halves = photos.images.reshape(3, 40, 2, 20, 3).mean(axis=(1, 3, 4)) / 255
    np.testing.assert_allclose(features[:, 0], halves, rtol=1e-5)
    np.testing.assert_allclose(features[:, 1], halves[:, ::-1], rtol=1e-5)


def test_features_are_computed_once_and_again_when_anything_differs(store, backbone, make_split, monkeypatch):
    computed = []

    def count(network, split):
        computed.append(split)
        return np.full((2, 2, 2), len(computed), np.float32)

    monkeypatch.setattr(features_module, "compute_features", count)
    photos = make_split(2)
    kept = [
        store.load(backbone, photos.images, name=name)[0, 0, 0] for name in ("train", "train", "validation", "train")
    ]
    assert kept == [1, 1, 2, 1]
    assert FeatureStore(store.folder, "d2").load(backbone, photos.images, name="train")[0, 0, 0] == 3
    other = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 1)], name="halves")
    assert store.load(other, photos.images, name="train")[0, 0, 0] == 4
    # A damaged file is not believed.
    for path in store.folder.iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert store.load(backbone, photos.images, name="train")[0, 0, 0] == 5
    assert not list(store.folder.glob("*.part"))


def test_features_that_cannot_be_kept_are_used_all_the_same(backbone, make_split, tmp_path, caplog):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    store = FeatureStore(in_the_way / "features", "d1")
    assert store.load(backbone, make_split(2).images, name="train").shape == (2, 2, 2)
    assert "cannot be written" in caplog.text


def test_the_last_layer_learns_and_the_rest_stays(tiny_lite0, store, make_split):
    seen = []
    photos, validation = make_split(64), make_split(20, seed=1)
    training = train(
        tiny_lite0, photos, validation, store, on_epoch=lambda epoch, entry, **_: seen.append((epoch, entry))
    )
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert [entry for _, entry in seen] == training.history
    probabilities = training.network.predict(validation.images, verbose=0)
    assert (probabilities.argmax(1) == validation.labels).mean() > 0.9
    # What validation said of the taken epoch is what the finished network, mirror image and all, does.
    best = training.history[training.best_epoch - 1]
    loss = -np.log(probabilities[np.arange(20), validation.labels]).mean()
    assert best["validation_loss"] == pytest.approx(loss, rel=1e-3)
    assert best["validation_loss"] == min(entry["validation_loss"] for entry in training.history)
    again = train(tiny_lite0, photos, validation, store)
    assert [entry["train_loss"] for entry in again.history] == [entry["train_loss"] for entry in training.history]


def test_without_validation_the_last_epoch_is_taken_and_patience_is_refused(tiny_lite0, store, make_split):
    training = train(tiny_lite0, make_split(16), None, store, epochs=2)
    assert training.best_epoch == 2
    assert "validation_loss" not in training.history[0]
    with pytest.raises(UserError, match="patience=3 needs validation photos"):
        train(tiny_lite0, make_split(16), None, store, patience=3)


def test_speed_is_that_of_the_features_and_unknown_when_they_were_kept(tiny_lite0, store, make_split):
    photos = make_split(12)
    first = train(tiny_lite0, photos, None, store)
    again = train(tiny_lite0, photos, None, FeatureStore(store.folder, store.dataset_digest))
    assert first.images_per_second > 0
    assert again.images_per_second is None
