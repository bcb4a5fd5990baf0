"""A copy of a network that trains faster: batch normalisation in one operation, and bfloat16 where it pays.

Keras 3 computes moments and normalises in separate operations; on two cores that took a quarter of a training
step. In bfloat16 a processor that multiplies it takes 0.7 of the time (docs/experiments.md). The copy is only for
training: what is kept and saved has Keras's own layers, in float32.
"""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation over the last axis of a picture, by TensorFlow's fused kernel in training.

    The kernel takes pictures of float32 or bfloat16 and keeps moments in float32; for the latter the layer is to be
    made with `autocast=False`, or Keras would hand it scale and offset in bfloat16, too.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch and move the running figures, or by the running figures outside training."""
        if not training:
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
    """Copy a functional network, weights included, with its batch normalisations replaced by fused ones.

    Args:
        model: of Keras's layers, with 4-D inputs to its batch normalisations.
        bfloat16: all layers but the last compute in it, from weights in float32 (Kalamkar et al. 2019).
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
    return twin
