import keras
import numpy as np
import pytest
import tensorflow as tf

from pawprint.models.architectures import build_model
from pawprint.training.fused import FusedBatchNormalization, fused_copy


def gradients(model, pixels):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(pixels, training=True) ** 2)
    return [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]


def test_one_norm_against_keras():
    x = np.random.default_rng(0).normal(3, 2, (4, 5, 5, 7)).astype(np.float32)
    plain = keras.layers.BatchNormalization(momentum=0.9)
    fused = FusedBatchNormalization.from_config(plain.get_config())
    np.testing.assert_allclose(fused(x, training=True), plain(x, training=True), atol=1e-5)
    for one, two in zip(plain.weights, fused.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5)
    np.testing.assert_allclose(fused(x, training=False), plain(x, training=False), atol=1e-5)


def test_a_frozen_norm_stays_as_it_is():
    x = np.random.default_rng(0).normal(3, 2, (4, 5, 5, 7)).astype(np.float32)
    frozen = FusedBatchNormalization()
    frozen.trainable = False
    np.testing.assert_allclose(frozen(x, training=True), x, rtol=1e-3)
    np.testing.assert_array_equal(frozen.moving_mean, 0)


@pytest.fixture
def model():
    model = build_model("cnn", num_classes=3, image_size=32, seed=0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.full(layer.gamma.shape, 0.7, np.float32))
    return model


def test_the_copy_gives_the_same_gradients_and_moving_figures(model):
    twin = fused_copy(model)
    assert any(isinstance(layer, FusedBatchNormalization) for layer in twin.layers)
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    for one, two in zip(gradients(model, pixels), gradients(twin, pixels), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-2, atol=1e-3 * np.abs(one).max())
    for one, two in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_it_learns_from_weights_in_float32_and_to_much_the_same(model):
    twin = fused_copy(model, bfloat16=True)
    assert {layer.compute_dtype for layer in twin.layers[1:-1]} == {"bfloat16"}
    assert twin.layers[-1].compute_dtype == "float32"
    assert {weight.dtype for weight in twin.weights} == {"float32"}
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype(np.float32)
    exact, rounded = (np.concatenate([g.ravel() for g in gradients(each, pixels)]) for each in (model, twin))
    assert rounded.dtype == np.float32
    assert exact @ rounded > 0.95 * np.linalg.norm(exact) * np.linalg.norm(rounded)
    # Rounded to 8 bits on the way, not on the way to the figures: these are means over the batch in float32.
    for one, two in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=0.02, atol=0.01)


def test_a_network_that_normalises_its_pixels_by_its_weights_is_copied_whole():
    """As some of keras.applications do, in a network of their own."""
    inside = keras.Input((8, 8, 3))
    normalization = keras.layers.Normalization()
    body = keras.Model(inside, normalization(inside))
    normalization.adapt_mean.assign([90.0, 100.0, 110.0])
    normalization.finalize_state()
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(body(pixels))))
    photos = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(fused_copy(network)(photos), network(photos), rtol=1e-4, atol=1e-4)
