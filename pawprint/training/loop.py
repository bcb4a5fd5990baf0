"""Train a network: one loop for every architecture, driven by the architecture's recipe."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.models.architectures import build_model, recipe_for
from pawprint.models.inference import build_inference_network
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.models.recipe import Recipe
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
from pawprint.training.throughput import Throughput

EVALUATION_BATCH = 100


def train_network(
    *,
    architecture: str,
    train: Split,
    validation: Split | None,
    class_names: Sequence[str],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    image_size: int,
    on_epoch: Callable[..., None],
    recipe: Recipe | None = None,
    checkpoints: Checkpoints | None = None,
) -> Training:
    """Train an architecture from scratch.

    The same arguments on the same machine give the same figures to the last digit: TensorFlow's operations are
    switched to their deterministic forms for the whole process, and all randomness comes from `seed`.

    Args:
        architecture: a name in `ARCHITECTURES`.
        train: the training photos.
        validation: the photos that choose the epoch and stop the training; None takes the last epoch.
        class_names: 2 or more, in the order of the labels.
        epochs: at least 1.
        batch_size: photos in a step.
        learning_rate: the highest one.
        patience: epochs without improvement until training stops; 0 never stops early.
        seed: 0 or more.
        image_size: side in pixels of the photos.
        on_epoch: called after each epoch with its number, its entry of the history and `timestamp_ms`, see
            `run_epochs`.
        recipe: what the architecture declares unless given.
        checkpoints: where the training is kept after each epoch, and goes on from; None keeps it nowhere.

    Raises:
        UserError: patience without validation photos, or a loss that is no longer a number.
    """
    recipe = recipe or recipe_for(architecture)
    tf.config.experimental.enable_op_determinism()
    # The network that is judged and kept holds the running average of the learner's weights.
    kept = build_model(architecture, num_classes=len(class_names), image_size=image_size, seed=seed, width=recipe.width)
    bfloat16 = recipe.bfloat16 and multiplies_bfloat16()
    learner = fused_copy(kept, bfloat16=bfloat16)
    vary = build_augmentation(recipe)
    optimizer = build_optimizer(learner, recipe)
    train_step = build_training_step(learner, kept, optimizer, recipe, class_weights(train.labels, len(class_names)))

    stages = [stage_at(epoch, epochs=epochs, stages=recipe.stages) for epoch in range(1, epochs + 1)]
    # A photo is judged at the side that the network now learns from: larger did worse (docs/experiments.md).
    sides = [training_side(image_size, stage.scale) for stage in stages]
    networks = {
        side: build_inference_network(
            kept,
            image_size=image_size,
            side=side,
            num_classes=len(class_names),
            flip_average=recipe.flip_average,
        )
        for side in set(sides)
    }
    judges = {side: build_evaluation_step(network) for side, network in networks.items()}
    steps_of = [num_batches(len(train.labels), batch_size=batch_size, passes=stage.passes) for stage in stages]
    throughput = Throughput()

    def learn(epoch: int) -> Learned:
        stage, side = stages[epoch - 1], sides[epoch - 1]
        num_steps, before = steps_of[epoch - 1], sum(steps_of[: epoch - 1])
        sums, rate = np.zeros(3), 0.0
        batches = training_batches(train, batch_size=batch_size, passes=stage.passes, seed=seed, epoch=epoch)
        throughput.start(side)
        varied = prepare_ahead(batches, lambda batch: vary(batch, side))
        bar = tqdm(varied, total=num_steps, desc=f"epoch {epoch}/{epochs}", leave=False, disable=None)
        for number, batch in enumerate(bar):
            done = (epoch - 1 + number / num_steps) / epochs
            rate = learning_rate_at(done, peak=learning_rate, recipe=recipe)
            sums += train_step(batch, learning_rate=rate, step=before + number)
            throughput.count(len(batch.labels))
        throughput.stop()
        return Learned(sums, rate)

    history, best_epoch, best_weights = run_epochs(
        epochs=epochs,
        patience=patience,
        recipe=recipe,
        learn=learn,
        judge=None if validation is None else lambda epoch: _judge(judges[sides[epoch - 1]], validation),
        weights=kept.get_weights,
        # `variables`, unlike `weights`, has the seeds of dropout.
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
    """Return loss, right answers and number of photos for the finished network, as it will be used."""
    num_photos = len(validation.labels)
    sums = np.zeros(2)
    for start in range(0, num_photos, EVALUATION_BATCH):
        positions = np.arange(start, min(start + EVALUATION_BATCH, num_photos))
        sums += evaluate(validation.images[positions], validation.labels[positions])
    return np.append(sums, num_photos)
