import numpy as np
import pytest
import tensorflow as tf

from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Augmentation
from pawprint.training.augmentation import augment
from pawprint.training.batches import NUM_DRAWS, Batch
from pawprint.training.steps import build_augmentation

MIDDLE = 0.5
"""The draw that turns nothing, moves nothing, and swaps neither sides nor top and bottom."""


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def draws(num_photos, **columns):
    table = np.full((num_photos, NUM_DRAWS), MIDDLE, np.float32)
    for column, value in columns.items():
        table[:, int(column[1:])] = value
    return tf.constant(table)


def test_the_middle_draw_changes_nothing(photos):
    augmentation = Augmentation(
        zoom=0.2, rotation=0.3, flip_vertical=True, brightness=0.2, contrast=0.2, saturation=0.2
    )
    varied = augment(photos, draws(4), side=32, augmentation=augmentation).numpy()
    np.testing.assert_allclose(varied, photos, atol=0.01)


def test_flips_against_numpy(photos):
    augmentation = Augmentation(flip_vertical=True)
    sideways = augment(photos, draws(4, c6=0.1), side=32, augmentation=augmentation).numpy()
    np.testing.assert_allclose(sideways, photos[:, :, ::-1], atol=0.01)
    upside_down = augment(photos, draws(4, c7=0.1), side=32, augmentation=augmentation).numpy()
    np.testing.assert_allclose(upside_down, photos[:, ::-1], atol=0.01)
    never = augment(photos, draws(4, c7=0.1), side=32, augmentation=Augmentation()).numpy()
    np.testing.assert_allclose(never, photos, atol=0.01)


def test_a_quarter_turn_against_numpy(photos):
    # A draw of 1 is the largest turn: a quarter here.
    turned = augment(photos, draws(4, c5=1.0), side=32, augmentation=Augmentation(rotation=0.25)).numpy()
    np.testing.assert_allclose(turned, np.rot90(photos, axes=(1, 2)), atol=0.05)


def test_a_quarter_of_the_area_in_the_corner(photos):
    augmentation = Augmentation(crop_area=(0.25, 1.0))
    varied = augment(photos, draws(4, c0=0.0, c2=0.0, c3=0.0), side=16, augmentation=augmentation).numpy()
    # The photo is twice the size of the crop in pixels: halved first, then a quarter of that is blown up to 16.
    assert varied.shape == (4, 16, 16, 3)
    halved = photos.reshape(4, 16, 2, 16, 2, 3).mean((2, 4))
    expected = tf.image.resize(halved, (32, 32)).numpy()[:, :16, :16]
    np.testing.assert_allclose(varied[:, :14, :14], expected[:, :14, :14], atol=0.05)


@pytest.mark.parametrize("extreme", [0.0, 0.999])
def test_crops_stay_inside_the_photo(extreme):
    # A ramp from 100 to 131: reflection would only repeat it, so look at the corners' order instead.
    ramp = np.broadcast_to(np.arange(100, 132, dtype=np.uint8)[None, None, :, None], (1, 32, 32, 3))
    augmentation = Augmentation(crop_area=(0.3, 1.0), crop_aspect=4 / 3)
    varied = augment(ramp, draws(1, c0=extreme, c1=extreme, c2=extreme, c6=0.9), side=24, augmentation=augmentation)
    assert (np.diff(varied.numpy()[0, :, :, 0], axis=1) > -0.01).all()
    assert varied.numpy().max() <= 131.01


def test_contrast_against_kerass_formula(photos):
    photos = photos // 2 + 60  # away from both ends, where it is cut
    varied = augment(photos, draws(4, c9=1.0), side=32, augmentation=Augmentation(contrast=0.2)).numpy()
    mean = photos.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(varied, np.clip((photos - mean) * 1.2 + mean, 0, 255), atol=0.02)


def test_no_saturation_is_grey(photos):
    varied = augment(photos, draws(4, c10=0.0), side=32, augmentation=Augmentation(saturation=1.0)).numpy()
    np.testing.assert_allclose(varied, np.repeat(photos @ np.array([[0.299], [0.587], [0.114]]), 3, axis=3), atol=0.05)


@pytest.mark.parametrize("name", ["cnn", "baseline"])
def test_compiled_or_not_it_is_the_same_and_within_bounds(name, photos):
    augmentation = recipe_for(name).augmentation
    table = tf.constant(np.random.default_rng(1).random((4, NUM_DRAWS), dtype=np.float32))

    @tf.function
    def compiled(images, table):
        return augment(images, table, side=20, augmentation=augmentation)

    eager = augment(photos, table, side=20, augmentation=augmentation).numpy()
    np.testing.assert_allclose(compiled(photos, table).numpy(), eager, atol=0.01)
    assert eager.dtype == np.float32
    assert eager.min() >= 0
    assert eager.max() <= 255
    alone = augment(photos[2:3], table[2:3], side=20, augmentation=augmentation).numpy()
    np.testing.assert_allclose(alone[0], eager[2], atol=0.01)


def test_beyond_the_edge_the_photo_is_mirrored(photos):
    # Zoomed out to twice the side, the photo fills the middle half; a draw just below 1 is the largest zoom.
    varied = augment(photos, draws(4, c4=1.0), side=32, augmentation=Augmentation(zoom=1.0)).numpy()
    np.testing.assert_allclose(varied[:, 8:24, :8], varied[:, 8:24, 15:7:-1], atol=0.02)
    np.testing.assert_allclose(varied[:, 24:], varied[:, 23:15:-1], atol=0.02)


def test_a_photo_is_varied_the_same_in_a_smaller_batch_and_in_a_larger_one(photos):
    table = np.random.default_rng(1).random((4, NUM_DRAWS), dtype=np.float32)
    labels = np.arange(4)
    vary = build_augmentation(recipe_for("cnn"))
    middle, last, whole = (vary(Batch(photos[:n], labels[:n], table[:n]), 20) for n in (3, 2, 4))
    np.testing.assert_array_equal(whole.labels, labels)
    np.testing.assert_array_equal(middle.pixels, whole.pixels[:3])
    np.testing.assert_array_equal(last.pixels, whole.pixels[:2])


def test_where_there_is_a_gpu_the_same_comes_out_without_xla(photos, monkeypatch):
    batch = Batch(photos, np.arange(4), np.random.default_rng(1).random((4, NUM_DRAWS), dtype=np.float32))
    by_xla = build_augmentation(recipe_for("cnn"))(batch, 20)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    np.testing.assert_allclose(build_augmentation(recipe_for("cnn"))(batch, 20).pixels, by_xla.pixels, atol=0.01)
