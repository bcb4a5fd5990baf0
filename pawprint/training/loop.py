"""Train a network: one loop for every architecture, driven by the architecture's recipe."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.models.architectures import build_model
from pawprint.models.inference import build_inference_network
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.training.batches import Split, num_batches, prepare_ahead, training_batches
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.class_weights import class_weights
from pawprint.training.devices import multiplies_bfloat16
from pawprint.training.epochs import Learned, Training, run_epochs
from pawprint.training.fused import fused_copy
from pawprint.training.schedule import learning_rate_at, stage_at, training_side
from pawprint.training.steps import (
    build_augmentation,
    build_evaluation_step,
    build_optimizer,
    build_training_step,
)
from pawprint.training.task import TrainingTask
from pawprint.training.throughput import Throughput

EVALUATION_BATCH = 100
"""Validation photos per call of the network."""


def train_network(
    task: TrainingTask,
    *,
    on_epoch: Callable[..., None],
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train an architecture from scratch.

    The same task on the same machine gives the same metrics to the last digit: all randomness comes from `seed`, and
    TensorFlow's operations are made deterministic for the whole process.

    Args:
        task: a training of an architecture whose recipe is not `frozen`.
        on_epoch: called after each epoch, see `run_epochs`.
        checkpoints: where the training is saved after each epoch and resumed from; None saves nothing.

    Raises:
        UserError: patience without validation photos, or the loss is NaN or infinite.
    """
    recipe, train, validation, num_classes = task.recipe, task.train, task.validation, len(task.class_names)
    tf.config.experimental.enable_op_determinism()
    # The network that is validated and saved holds the moving average of the learner's weights.
    kept = build_model(
        task.architecture, num_classes=num_classes, image_size=task.image_size, seed=task.seed, width=recipe.width
    )
    bfloat16 = recipe.bfloat16 and multiplies_bfloat16()
    learner = fused_copy(kept, bfloat16=bfloat16)
    vary = build_augmentation(recipe)
    optimizer = build_optimizer(learner, recipe)
    train_step = build_training_step(learner, kept, optimizer, recipe, class_weights(train.labels, num_classes))

    stages = [stage_at(epoch, epochs=task.epochs, stages=recipe.stages) for epoch in range(1, task.epochs + 1)]
    # Validation uses the side of the current training stage: a larger one did worse (docs/experiments.md).
    sides = [training_side(task.image_size, stage.scale) for stage in stages]
    networks = {
        side: build_inference_network(
            kept,
            image_size=task.image_size,
            side=side,
            num_classes=num_classes,
            flip_average=recipe.flip_average,
        )
        for side in set(sides)
    }
    judges = {side: build_evaluation_step(network) for side, network in networks.items()}
    steps_of = [num_batches(len(train.labels), batch_size=task.batch_size, passes=stage.passes) for stage in stages]
    throughput = Throughput()

    def learn(epoch: int) -> Learned:
        stage, side = stages[epoch - 1], sides[epoch - 1]
        num_steps, before = steps_of[epoch - 1], sum(steps_of[: epoch - 1])
        sums, rate = np.zeros(3), 0.0
        batches = training_batches(train, batch_size=task.batch_size, passes=stage.passes, seed=task.seed, epoch=epoch)
        throughput.start(side)
        varied = prepare_ahead(batches, lambda batch: vary(batch, side))
        bar = tqdm(varied, total=num_steps, desc=f"epoch {epoch}/{task.epochs}", leave=False, disable=None)
        for number, batch in enumerate(bar):
            done = (epoch - 1 + number / num_steps) / task.epochs
            rate = learning_rate_at(done, peak=task.learning_rate, recipe=recipe)
            sums += train_step(batch, learning_rate=rate, step=before + number)
            throughput.count(len(batch.labels))
        throughput.stop()
        return Learned(sums, rate)

    history, best_epoch, best_weights = run_epochs(
        task,
        learn=learn,
        judge=None if validation is None else lambda epoch: _judge(judges[sides[epoch - 1]], validation),
        weights=kept.get_weights,
        # `variables`, unlike `weights`, includes the seeds of dropout.
        state={"learner": learner.variables, "optimizer": optimizer.variables, "averaged": kept.weights},
        checkpoints=checkpoints,
        on_epoch=on_epoch,
    )
    kept.set_weights(best_weights)
    return Training(
        network=networks[sides[best_epoch - 1]],
        history=history,
        best_epoch=best_epoch,
        images_per_second=throughput.images_per_second,
        flops_per_second=throughput.flops_per_second(lambda side: count_multiply_adds(kept, side=side)),
        precision="bfloat16" if bfloat16 else "float32",
    )


def _judge(evaluate: Callable[[Any, Any], npt.NDArray[np.float64]], validation: Split) -> npt.NDArray[np.float64]:
    """Return summed loss, correct answers and number of validation photos, float64 [3]."""
    num_photos = len(validation.labels)
    sums = np.zeros(2)
    for start in range(0, num_photos, EVALUATION_BATCH):
        positions = np.arange(start, min(start + EVALUATION_BATCH, num_photos))
        sums += evaluate(validation.images[positions], validation.labels[positions])
    return np.append(sums, num_photos)
