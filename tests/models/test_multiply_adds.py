import keras
import pytest
import tensorflow as tf
from keras import layers

from pawprint.models.architectures import ARCHITECTURES, build_model
from pawprint.models.multiply_adds import count_multiply_adds


def test_the_baseline_by_hand():
    convolutions = 64**2 * 27 * 32 + 32**2 * 288 * 64 + 16**2 * 576 * 128 + 16**2 * 1152 * 128
    model = build_model("baseline", num_classes=2, image_size=64, seed=0)
    assert count_multiply_adds(model, side=64) == convolutions + 8 * 8 * 128 * 64 + 64


def test_a_depthwise_convolution_multiplies_each_channel_once():
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, layers.DepthwiseConv2D(3, strides=2, padding="same")(pixels))
    assert count_multiply_adds(network, side=8) == 4 * 4 * 9 * 3


def test_attention_counts_its_comparisons():
    pixels = keras.Input((4, 4, 3))
    tokens = layers.Reshape((16, 3))(pixels)
    network = keras.Model(pixels, layers.MultiHeadAttention(2, 4)(tokens, tokens))
    projections, comparisons = 4 * 16 * 3 * 8, 2 * 16 * 16 * 8
    assert count_multiply_adds(network, side=4) == projections + comparisons


def test_a_loop_is_refused():
    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, layers.GRU(4)(layers.Reshape((8, 24))(pixels)))
    with pytest.raises(ValueError, match="unroll"):
        count_multiply_adds(network, side=8)


def test_a_function_that_is_not_looked_into_is_refused():
    pixels = keras.Input((8, 8, 3))
    nested = layers.Lambda(tf.function(tf.square), output_shape=(8, 8, 3))
    with pytest.raises(ValueError, match="function of its own"):
        count_multiply_adds(keras.Model(pixels, nested(pixels)), side=8)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_can_be_counted(name):
    assert count_multiply_adds(build_model(name, num_classes=2, image_size=64, seed=0), side=64) > 1e6
