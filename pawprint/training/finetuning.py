"""Train the later layers of a pretrained network on, after its last layer has learned alone."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras

from pawprint.models.recipe import Recipe, least_mistakes
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.epochs import Progress, Training
from pawprint.training.fused import list_leaves
from pawprint.training.loop import train_layers
from pawprint.training.task import TrainingTask

AUTO_EPOCHS = 8
"""Epochs of `finetune=auto` (docs/experiments.md)."""
AUTO_PATIENCE = 3
"""Epochs that do not lower the validation loss after which `finetune=auto` ends: where it pays, it shows at once."""
SHOWN_PER_EPOCH = 1500
"""Photos shown in an epoch at least: a few photos are shown several times, or there would be too few steps to learn."""
MOST_PASSES = 8
LEAST_SIDE = 128
"""Side in pixels of the pictures, where the photos have as many: below, little is seen."""


@dataclass(frozen=True)
class Finetuning:
    """How the later layers learn, after the last layer.

    Attributes:
        task: the training of the later layers.
        least_mistakes: validation photos that the last layer alone must get wrong, else nothing more is learned.
    """

    task: TrainingTask
    least_mistakes: int

    def is_worth(self, progress: Progress) -> bool:
        """Return whether the last layer makes enough mistakes."""
        return self.least_mistakes <= count_mistakes(progress.history[progress.best_epoch - 1], self.task)


def plan_finetuning(task: TrainingTask, epochs: int | None) -> Finetuning | None:
    """Return how the later layers learn, or None if only the last layer does.

    Args:
        task: the training of the last layer.
        epochs: epochs of fine-tuning; None decides by the validation photos whether it helps, so without them there is
            none.
    """
    recipe = task.recipe.finetuning
    if recipe is None or epochs == 0 or (epochs is None and task.validation is None):
        return None
    passes = min(MOST_PASSES, math.ceil(SHOWN_PER_EPOCH / len(task.train.labels)))
    stages = (
        dataclasses.replace(stage, passes=passes, scale=min(1.0, max(stage.scale, LEAST_SIDE / task.image_size)))
        for stage in recipe.stages
    )
    planned = dataclasses.replace(
        task,
        recipe=dataclasses.replace(recipe, stages=tuple(stages)),
        epochs=AUTO_EPOCHS if epochs is None else epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        patience=task.patience or (AUTO_PATIENCE if epochs is None else 0),
    )
    worth = least_mistakes(len(task.validation.labels)) if epochs is None and task.validation else 0
    return Finetuning(planned, worth)


def count_mistakes(entry: Mapping[str, float], task: TrainingTask) -> int:
    """Return how many validation photos an epoch of the history gets wrong; 0 without validation photos."""
    if task.validation is None:
        return 0
    return round((1 - entry["validation_accuracy"]) * len(task.validation.labels))


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
        task: the training of the later layers, from `plan_finetuning`.
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
    layers = [layer for layer in list_leaves(model) if layer.weights]
    for number, layer in enumerate(layers):
        is_normalisation = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= recipe.frozen_share * len(layers) and not is_normalisation
