"""The compiled functions of a training: augment a batch, train on a batch, evaluate a batch; and the optimizer."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pawprint.models.recipe import Recipe
from pawprint.training.augmentation import augment
from pawprint.training.batches import Batch
from pawprint.training.muon import Muon


@dataclass(frozen=True)
class Varied:
    """An augmented batch: pixels float32 [k, side, side, 3], 0 to 255, and labels int64 [k]."""

    pixels: Any
    labels: Any


def build_augmentation(recipe: Recipe) -> Callable[[Batch, int], Varied]:
    """Return the recipe's augmentation, compiled.

    Returns:
        A function of (batch, side).
    """
    # For a GPU, XLA needs CUDA's compiler, which TensorFlow itself does not need.
    by_xla = not tf.config.list_physical_devices("GPU")
    sizes: Counter[int] = Counter()

    @tf.function(jit_compile=by_xla)
    def compiled(images: Any, draws: Any, *, side: int) -> Any:
        return augment(images, draws, side=side, augmentation=recipe.augmentation)

    def vary(batch: Batch, side: int) -> Varied:
        # XLA compiles for a fixed number of photos; the last, smaller batch of an epoch is filled up to it.
        number = len(batch.labels)
        sizes[side] = max(sizes[side], number)
        filled = np.arange(sizes[side]) % number
        pixels = compiled(tf.constant(batch.images[filled]), tf.constant(batch.draws[filled]), side=side)
        return Varied(pixels[:number], tf.constant(batch.labels))

    return vary


def build_training_step(
    model: keras.Model, averaged: keras.Model, optimizer: Any, recipe: Recipe, weights: npt.NDArray[np.float32]
) -> Callable[..., npt.NDArray[np.float64]]:
    """Return forward and backward pass, update and averaging, compiled into one function.

    Args:
        model: network from pixels to logits; each call changes its weights.
        averaged: network of the same shape, which holds the moving average of `model`'s weights.
        optimizer: optimizer that `build_optimizer` returned for `model`.
        recipe: recipe with label smoothing and averaging.
        weights: weight of a photo of each class, float32 [num_classes].

    Returns:
        A function of (batch, learning_rate, step) that returns summed loss (without smoothing and weights), number
        of correct answers and number of photos, float64 [3].
    """
    compiled: dict[int, Any] = {}

    def compile_for(pixels: Any, labels: Any) -> Any:
        @tf.function(input_signature=[*_any_number_of(pixels, labels), tf.TensorSpec((), tf.float32)])
        def step_on(pixels: Any, labels: Any, decay: Any) -> Any:
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
                if keras.backend.is_float_dtype(weight.dtype):  # a Normalization also has a count
                    average.assign(weight + (average - weight) * decay)
            plain_loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            right = tf.reduce_sum(tf.cast(tf.argmax(logits, 1) == labels, tf.float32))
            return tf.stack([plain_loss, right])

        return step_on

    def train_step(batch: Varied, *, learning_rate: float, step: int) -> npt.NDArray[np.float64]:
        optimizer.learning_rate.assign(learning_rate)
        # The decay is lower at first, or the initial weights would influence the average for hundreds of steps.
        decay = min(recipe.averaging, (1 + step) / (10 + step))
        side = batch.pixels.shape[1]
        if side not in compiled:
            compiled[side] = compile_for(batch.pixels, batch.labels)
        sums = compiled[side](batch.pixels, batch.labels, tf.constant(decay, tf.float32))
        return np.append(sums.numpy().astype(np.float64), len(batch.labels))

    return train_step


def build_evaluation_step(network: keras.Model) -> Callable[[Any, Any], npt.NDArray[np.float64]]:
    """Return the evaluation of a batch by a network that returns probabilities, compiled.

    Returns:
        A function of (images, labels) that returns summed cross-entropy and number of correct answers, float64 [2].
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
    """Return the recipe's optimizer, with weight decay on kernels but not on biases and normalisations."""
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(epsilon=recipe.epsilon)
    else:
        kind = {"adamw": keras.optimizers.AdamW, "muon": Muon}[recipe.optimizer]
        optimizer = kind(weight_decay=recipe.weight_decay, epsilon=recipe.epsilon)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    return optimizer


def _any_number_of(*parts: Any) -> list[Any]:
    """Return the signature of a batch of any length.

    Without it the last, smaller batch of an epoch would be traced and compiled again, which takes as long as dozens of
    steps.
    """
    return [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in parts]
