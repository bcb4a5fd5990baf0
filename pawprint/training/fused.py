"""Copy a network so that it trains faster: fused batch normalisation, and bfloat16 where it is faster.

Keras 3 computes the moments and normalises in separate operations; on two cores that took a quarter of a training
step. With bfloat16, a processor that supports it needs 0.7 of the time (docs/experiments.md). The copy is used only for
training: the saved network has Keras's own layers, in float32.
"""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation over the last axis of a picture, with TensorFlow's fused kernel in training.

    The kernel takes pictures in float32 or bfloat16 and moments in float32. For bfloat16 the layer must be created
    with `autocast=False`; else Keras would convert scale and offset to bfloat16 too.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return inputs normalised by the batch, updating the moving averages; not in training or frozen, by these."""
        if not training or not self.trainable:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        # The kernel reports the unbiased variance, Keras keeps the biased one.
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)
        variance *= (count - 1) / count
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs


def fused_copy(model: keras.Model, *, bfloat16: bool = False) -> keras.Model:
    """Return a copy of a functional network, with its weights, in which batch normalisation is fused.

    Args:
        model: network of Keras's layers, whose batch normalisations have 4-D inputs.
        bfloat16: all layers but the last compute in bfloat16, with weights in float32 (Kalamkar et al. 2019).
    """
    last = model.layers[-1]

    def copy(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.InputLayer):
            return layer.__class__.from_config(config)
        if bfloat16 and layer is not last:
            config["dtype"] = "mixed_bfloat16"
        if type(layer) is keras.layers.BatchNormalization and layer.scale and layer.center:
            return FusedBatchNormalization(**config, autocast=False)
        return layer.__class__.from_config(config)

    twin = keras.models.clone_model(model, clone_function=copy)
    twin.set_weights(model.get_weights())
    for layer in list_leaves(twin):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights
    return twin


def list_leaves(layer: keras.Layer) -> list[keras.Layer]:
    """Return the layers of a network and of the networks in it, in order."""
    if not isinstance(layer, keras.Model):
        return [layer]
    return [leaf for inner in layer.layers for leaf in list_leaves(inner)]
