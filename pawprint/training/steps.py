"""The two compiled functions of a training: one step of learning, one batch of judging."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pawprint.models.recipe import Recipe
from pawprint.training.augmentation import augment
from pawprint.training.batches import Batch
from pawprint.training.muon import Muon


def build_training_step(
    model: keras.Model, averaged: keras.Model, recipe: Recipe, weights: npt.NDArray[np.float32]
) -> Callable[..., npt.NDArray[np.float64]]:
    """Compile augmentation, forward and backward pass, update and averaging into one function.

    Args:
        model: from pixels to logits; its weights are changed by each call.
        averaged: a network of the same shape, which holds the running average of `model`'s weights.
        recipe: optimizer, augmentation, smoothing and averaging.
        weights: how much a photo of each class counts, float32 [num_classes].

    Returns:
        A function of (batch, side, learning_rate, step) that returns summed loss (without smoothing and
        weights), number of right answers and number of photos, float64 [3].
    """
    optimizer = build_optimizer(model, recipe)

    def step_on(images: Any, labels: Any, draws: Any, decay: Any, *, side: int) -> Any:
        pixels = augment(images, draws, side=side, augmentation=recipe.augmentation)
        with tf.GradientTape() as tape:
            logits = model(pixels, training=True)
            num_classes = logits.shape[-1]
            target = tf.one_hot(labels, num_classes) * (1 - recipe.label_smoothing)
            target += recipe.label_smoothing / num_classes
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
            loss = tf.reduce_mean(losses * tf.gather(weights, labels))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        for average, weight in zip(averaged.weights, model.weights, strict=True):
            average.assign(weight + (average - weight) * decay)
        plain_loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == labels, tf.float32))
        return tf.stack([plain_loss, right])

    # One trace for each side, for any number of photos: a batch's own shape would have the last, smaller batch
    # of an epoch traced and compiled again, which takes as long as dozens of steps.
    compiled: dict[int, Any] = {}

    def compile_for(side: int, *parts: Any) -> Any:
        signature = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in parts]

        @tf.function(input_signature=[*signature, tf.TensorSpec((), tf.float32)])
        def step_at_side(images: Any, labels: Any, draws: Any, decay: Any) -> Any:
            return step_on(images, labels, draws, decay, side=side)

        return step_at_side

    def train_step(batch: Batch, *, side: int, learning_rate: float, step: int) -> npt.NDArray[np.float64]:
        optimizer.learning_rate.assign(learning_rate)
        # The average forgets faster at first, or the initial weights would weigh on it for hundreds of steps.
        decay = min(recipe.averaging, (1 + step) / (10 + step))
        parts = [tf.constant(part) for part in (batch.images, batch.labels, batch.draws)]
        if side not in compiled:
            compiled[side] = compile_for(side, *parts)
        sums = compiled[side](*parts, tf.constant(decay, tf.float32))
        return np.append(sums.numpy().astype(np.float64), len(batch.labels))

    return train_step


def build_evaluation_step(network: keras.Model) -> Callable[[Any, Any], npt.NDArray[np.float64]]:
    """Compile the judging of a batch by a network that gives probabilities.

    Returns:
        A function of (images, labels) that returns summed cross-entropy and number of right answers, float64 [2].
    """

    @tf.function(input_signature=[tf.TensorSpec(network.input_shape, tf.float32)])
    def judge(images: Any) -> Any:
        return network(images, training=False)

    def evaluate(images: Any, labels: Any) -> npt.NDArray[np.float64]:
        probabilities = judge(tf.cast(tf.constant(images), tf.float32)).numpy().astype(np.float64)
        chosen = probabilities[np.arange(len(labels)), labels]
        loss = -np.log(np.maximum(chosen, np.finfo(np.float32).eps)).sum()
        return np.array([loss, (probabilities.argmax(1) == labels).sum()])

    return evaluate


def build_optimizer(model: keras.Model | keras.Layer, recipe: Recipe) -> Any:
    """Build the recipe's optimizer; it decays kernels only: biases and normalisations have no size to keep small."""
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(epsilon=recipe.epsilon)
    else:
        kind = {"adamw": keras.optimizers.AdamW, "muon": Muon}[recipe.optimizer]
        optimizer = kind(weight_decay=recipe.weight_decay, epsilon=recipe.epsilon)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    return optimizer
