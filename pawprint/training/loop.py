"""Train a network: one loop for every architecture, driven by the architecture's recipe."""

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.models.inference import build_inference_network
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.training.batches import Split, num_batches, prepare_ahead, training_batches
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.class_weights import class_weights
from pawprint.training.devices import multiplies_bfloat16
from pawprint.training.epochs import Learned, Progress, Training, run_epochs
from pawprint.training.fused import fused_copy
from pawprint.training.schedule import judging_sides, learning_rate_at, stage_at, training_side
from pawprint.training.steps import (
    build_augmentation,
    build_evaluation_step,
    build_optimizer,
    build_training_step,
)
from pawprint.training.task import TrainingTask
from pawprint.training.throughput import Throughput
from pawprint.training.weights import build_network

EVALUATION_BATCH = 100
"""Validation photos per call of the network."""


def train_network(
    task: TrainingTask,
    *,
    on_epoch: Callable[..., None],
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train an architecture from scratch, or from the weights of the task.

    The same task on the same machine gives the same metrics to the last digit: all randomness comes from `seed`, and
    TensorFlow's operations are made deterministic for the whole process.

    Args:
        task: a training of an architecture whose recipe is not `frozen`.
        on_epoch: called after each epoch, see `run_epochs`.
        checkpoints: where the training is saved after each epoch and resumed from; None saves nothing.

    Raises:
        UserError: patience without validation photos, or the loss is NaN or infinite.
    """
    tf.config.experimental.enable_op_determinism()
    return train_layers(build_network(task), task, on_epoch=on_epoch, checkpoints=checkpoints)


def train_layers(
    kept: keras.Model,
    task: TrainingTask,
    *,
    on_epoch: Callable[..., None],
    checkpoints: Checkpoints | None,
    before: Progress | None = None,
    earlier: int = 0,
) -> Training:
    """Train the trainable layers of a network, which a phase before may have trained in part.

    Args:
        kept: network from pixels 0 to 255 to logits; holds the best weights afterwards. During the training it holds
            the moving average of the learner's weights, which is validated and saved.
        task: the training.
        on_epoch: called after each epoch, see `run_epochs`.
        checkpoints: as for `train_network`.
        before: progress of the phase before, with all weights of `kept` as the best; see `run_epochs`.
        earlier: number of epochs of the phase before, which judged the photos in their stored size.
    """
    recipe, train, validation, num_classes = task.recipe, task.train, task.validation, len(task.class_names)
    bfloat16 = recipe.bfloat16 and multiplies_bfloat16()
    learner = fused_copy(kept, bfloat16=bfloat16)
    vary = build_augmentation(recipe)
    optimizer = build_optimizer(learner, recipe)
    train_step = build_training_step(learner, kept, optimizer, recipe, class_weights(train.labels, num_classes))

    stages = [stage_at(epoch, epochs=task.epochs, stages=recipe.stages) for epoch in range(1, task.epochs + 1)]
    sides = [training_side(task.image_size, stage.scale) for stage in stages]
    judged_sides = [judging_sides(task.image_size, side, recipe.judging_scale) for side in sides]
    networks = {
        side: build_inference_network(
            kept,
            image_size=task.image_size,
            side=side,
            num_classes=num_classes,
            flip_average=recipe.flip_average,
        )
        for side in {*itertools.chain(*judged_sides), *([task.image_size] if earlier else [])}
    }
    judges = {side: build_evaluation_step(network) for side, network in networks.items()}

    def judge(photos: Split, epoch: int) -> tuple[npt.NDArray[np.float64], int]:
        """Return loss, correct answers and number of photos at the side with the lowest loss, and that side."""
        found = [(_judge(judges[side], photos), side) for side in judged_sides[epoch - 1]]
        return min(found, key=lambda sums_and_side: sums_and_side[0][0])

    steps_of = [num_batches(len(train.labels), batch_size=task.batch_size, passes=stage.passes) for stage in stages]
    throughput = Throughput()

    def learn(epoch: int) -> Learned:
        stage, side = stages[epoch - 1], sides[epoch - 1]
        num_steps, steps_before = steps_of[epoch - 1], sum(steps_of[: epoch - 1])
        sums, rate = np.zeros(3), 0.0
        batches = training_batches(train, batch_size=task.batch_size, passes=stage.passes, seed=task.seed, epoch=epoch)
        throughput.start(side)
        varied = prepare_ahead(batches, lambda batch: vary(batch, side))
        bar = tqdm(varied, total=num_steps, desc=f"epoch {epoch}/{task.epochs}", leave=False, disable=None)
        for number, batch in enumerate(bar):
            done = (epoch - 1 + number / num_steps) / task.epochs
            rate = learning_rate_at(done, peak=task.learning_rate, recipe=recipe)
            sums += train_step(batch, learning_rate=rate, step=steps_before + number)
            throughput.count(len(batch.labels))
        throughput.stop()
        return Learned(sums, rate)

    progress = run_epochs(
        task,
        learn=learn,
        judge=None if validation is None else lambda epoch: judge(validation, epoch)[0],
        weights=kept.get_weights,
        # `variables`, unlike `weights`, includes the seeds of dropout.
        state={"learner": learner.variables, "optimizer": optimizer.variables, "averaged": kept.weights},
        checkpoints=checkpoints,
        on_epoch=on_epoch,
        before=before,
        earlier=earlier,
    )
    kept.set_weights(progress.best_weights)
    best = progress.best_epoch - earlier
    if best <= 0:  # the phase before was better
        side = task.image_size
    elif validation is None or len(judged_sides[best - 1]) == 1:
        side = judged_sides[best - 1][0]
    else:
        side = judge(validation, best)[1]
    return Training(
        network=networks[side],
        history=progress.history,
        best_epoch=progress.best_epoch,
        images_per_second=throughput.images_per_second,
        flops_per_second=throughput.flops_per_second(lambda side: count_multiply_adds(kept, side=side)),
        precision="bfloat16" if bfloat16 else "float32",
        earlier=earlier,
    )


def _judge(evaluate: Callable[[Any, Any], npt.NDArray[np.float64]], validation: Split) -> npt.NDArray[np.float64]:
    """Return summed loss, correct answers and number of validation photos, float64 [3]."""
    num_photos = len(validation.labels)
    sums = np.zeros(2)
    for start in range(0, num_photos, EVALUATION_BATCH):
        positions = np.arange(start, min(start + EVALUATION_BATCH, num_photos))
        sums += evaluate(validation.images[positions], validation.labels[positions])
    return np.append(sums, num_photos)
