"""Train the later layers of a pretrained network on, after its last layer has learned alone."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import keras

from pawprint.models.recipe import Recipe
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.epochs import Progress, Training
from pawprint.training.loop import train_layers
from pawprint.training.task import TrainingTask

AUTO_EPOCHS = 8
"""Epochs of `finetune=auto` (docs/experiments.md)."""
SHOWN_PER_EPOCH = 1500
"""Photos shown in an epoch at least: a few photos are shown several times, or there would be too few steps to learn."""
MOST_PASSES = 8
ENOUGH_VALIDATION = 50
"""Validation photos from which on they decide for `finetune=auto`: of 50, an accuracy of 0.9 has a standard error of 4
points, while fine-tuning gained 7 to 25 where it was worth its time (docs/experiments.md)."""
LEAST_SIDE = 128
"""Side in pixels of the pictures, where the photos have as many: below, little is seen."""


def plan_finetuning(task: TrainingTask, epochs: int | None) -> TrainingTask | None:
    """Return the task of fine-tuning, or None if only the last layer is to learn.

    Args:
        task: the training of the last layer.
        epochs: epochs of fine-tuning; None decides by the validation photos whether it helps, so with less than
            `ENOUGH_VALIDATION` of them there is none.

    >>> import numpy as np
    >>> from pawprint.models.efficientnet_lite0 import RECIPE
    >>> from pawprint.training.batches import Split
    >>> photos = Split(np.zeros((400, 8, 8, 3), np.uint8), np.arange(400) % 2)
    >>> words = {"class_names": ["a", "b"], "image_size": 256, "epochs": 30, "batch_size": 32, "learning_rate": 0.001}
    >>> task = TrainingTask(
    ...     architecture="efficientnet_lite0", recipe=RECIPE, train=photos, validation=None, patience=0, seed=0, **words
    ... )
    >>> plan_finetuning(task, 5).epochs, plan_finetuning(task, 5).recipe.stages[0].passes
    (5, 4)
    >>> plan_finetuning(task, None) is None
    True
    """
    recipe = task.recipe.finetuning
    if recipe is None or epochs == 0 or (epochs is None and _count_validation(task) < ENOUGH_VALIDATION):
        return None
    passes = min(MOST_PASSES, math.ceil(SHOWN_PER_EPOCH / len(task.train.labels)))
    return dataclasses.replace(
        task,
        recipe=dataclasses.replace(
            recipe,
            stages=tuple(
                dataclasses.replace(
                    stage, passes=passes, scale=min(1.0, max(stage.scale, LEAST_SIDE / task.image_size))
                )
                for stage in recipe.stages
            ),
        ),
        epochs=AUTO_EPOCHS if epochs is None else epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
    )


def explain_no_finetuning(task: TrainingTask, epochs: int | None) -> str | None:
    """Return why `finetune=auto` lets only the last layer of a pretrained network learn, or None if that is not so."""
    found = _count_validation(task)
    if task.recipe.finetuning is None or epochs is not None or found >= ENOUGH_VALIDATION:
        return None
    return (
        f"only the last layer learns: {found} validation photos are too few to tell whether fine-tuning helps "
        f"({ENOUGH_VALIDATION} are enough); finetune={AUTO_EPOCHS} fine-tunes all the same"
    )


def _count_validation(task: TrainingTask) -> int:
    return 0 if task.validation is None else len(task.validation.labels)


def fine_tune(
    model: keras.Model,
    task: TrainingTask,
    *,
    before: Progress | None,
    earlier: int,
    on_epoch: Callable[..., None],
    checkpoints: Checkpoints | None,
) -> Training:
    """Train the later layers of a network, whose last layer has learned already.

    The best epoch of both phases is taken: where fine-tuning does not lower the validation loss, the network is the
    one whose last layer alone has learned. With few photos the early layers, which see edges and textures, stay as they
    are, and so do the moments of batch normalisation (Chollet's guide to transfer learning).

    Args:
        model: the network, from pixels to logits, with the best last layer.
        task: the result of `plan_finetuning`.
        before: progress of the last layer; None if a checkpoint of fine-tuning has it.
        earlier: number of epochs of the last layer.
        on_epoch: called after each epoch, see `run_epochs`.
        checkpoints: as for `train_network`.

    Returns:
        As `train_network`; `flops_per_second` is None, since part of the network is only passed forward.
    """
    freeze(model, task.recipe)
    if before is not None:
        before = dataclasses.replace(before, best_weights=model.get_weights())
    training = train_layers(model, task, on_epoch=on_epoch, checkpoints=checkpoints, before=before, earlier=earlier)
    return dataclasses.replace(training, flops_per_second=None)


def freeze(model: keras.Model, recipe: Recipe) -> None:
    """Let only the later layers of a network learn, and no batch normalisation."""
    layers = [layer for layer in _leaves(model) if layer.weights]
    for number, layer in enumerate(layers):
        is_normalisation = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= recipe.frozen_share * len(layers) and not is_normalisation


def _leaves(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yield the layers of a network and of the networks in it, in order."""
    if not isinstance(layer, keras.Model):
        yield layer
        return
    for inner in layer.layers:
        yield from _leaves(inner)
