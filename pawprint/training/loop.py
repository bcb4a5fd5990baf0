"""Train a network: one loop for every architecture, driven by the architecture's recipe."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.errors import UserError
from pawprint.models.architectures import build_model, recipe_for
from pawprint.models.recipe import Recipe
from pawprint.training.batches import Split, num_batches, training_batches
from pawprint.training.class_weights import class_weights
from pawprint.training.fused import fused_copy
from pawprint.training.inference import build_inference_network
from pawprint.training.schedule import judging_side, learning_rate_at, stage_at, training_side
from pawprint.training.steps import build_evaluation_step, build_training_step
from pawprint.training.throughput import Throughput

EVALUATION_BATCH = 100


@dataclass(frozen=True)
class Training:
    """What a training leaves.

    Args:
        network: pixels 0 to 255 [n, image_size, image_size, 3] to probabilities float32 [n, num_classes].
        history: one dictionary an epoch: epoch, train_loss, train_accuracy, validation_loss,
            validation_accuracy (both absent without validation photos), learning_rate (of its last step), seconds.
        best_epoch: whose weights were taken, from 1; the last one without validation photos.
        images_per_second: pictures trained on per second; compiling and validation are left out.
    """

    network: keras.Model
    history: list[dict[str, float]]
    best_epoch: int
    images_per_second: float


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
    on_epoch: Callable[[int, dict[str, float]], None],
    recipe: Recipe | None = None,
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
        on_epoch: called after each epoch with its number and its entry of the history.
        recipe: what the architecture declares unless given.

    Raises:
        UserError: patience without validation photos, or a loss that is no longer a number.
    """
    if validation is None and patience > 0:
        raise UserError(f"patience={patience} needs validation photos; set patience=0 or validation_fraction above 0")
    recipe = recipe or recipe_for(architecture)
    tf.config.experimental.enable_op_determinism()
    # The network that is judged and kept holds the running average of the learner's weights.
    kept = build_model(architecture, num_classes=len(class_names), image_size=image_size, seed=seed)
    learner = fused_copy(kept)
    train_step = build_training_step(learner, kept, recipe, class_weights(train.labels, len(class_names)))

    stages = [stage_at(epoch, epochs=epochs, stages=recipe.stages) for epoch in range(1, epochs + 1)]
    sides = [judging_side(image_size, stage, recipe.stages) for stage in stages]
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
    step = 0
    throughput = Throughput()
    history: list[dict[str, float]] = []
    best_epoch, best_weights = 0, kept.get_weights()
    for epoch, (stage, epoch_steps) in enumerate(zip(stages, steps_of, strict=True), start=1):
        started = time.perf_counter()
        sums, rate = np.zeros(3), 0.0
        batches = training_batches(train, batch_size=batch_size, passes=stage.passes, seed=seed, epoch=epoch)
        side = training_side(image_size, stage.scale)
        throughput.start(side)
        bar = tqdm(batches, total=epoch_steps, desc=f"epoch {epoch}/{epochs}", leave=False, disable=None)
        for number, batch in enumerate(bar):
            done = (epoch - 1 + number / epoch_steps) / epochs
            rate = learning_rate_at(done, peak=learning_rate, recipe=recipe)
            sums += train_step(batch, side=side, learning_rate=rate, step=step)
            throughput.count(len(batch.labels))
            step += 1
        throughput.stop()
        entry = {"epoch": epoch, "train_loss": sums[0] / sums[2], "train_accuracy": sums[1] / sums[2]}
        if not math.isfinite(entry["train_loss"]):
            raise UserError(
                f"the training loss of epoch {epoch} is not a number; try a learning_rate below {learning_rate}"
            )
        if validation is not None:
            entry |= _judge(judges[sides[epoch - 1]], validation)
        entry |= {"learning_rate": rate, "seconds": time.perf_counter() - started}
        entry = {name: value if name == "epoch" else float(value) for name, value in entry.items()}
        history.append(entry)
        on_epoch(epoch, dict(entry))
        if validation is None or not best_epoch or is_better(entry, history[best_epoch - 1], recipe):
            best_epoch, best_weights = epoch, kept.get_weights()
        if patience and epoch - best_epoch >= patience:
            break
    kept.set_weights(best_weights)
    return Training(
        network=networks[sides[best_epoch - 1]],
        history=history,
        best_epoch=best_epoch,
        images_per_second=throughput.images_per_second,
    )


def is_better(entry: dict[str, float], best: dict[str, float], recipe: Recipe) -> bool:
    """Whether an epoch's validation beats the best so far by more than the recipe's `min_delta`."""
    loss_gain = best["validation_loss"] - entry["validation_loss"]
    if recipe.choose_by == "validation_loss":
        return loss_gain > recipe.min_delta
    accuracy_gain = entry["validation_accuracy"] - best["validation_accuracy"]
    return accuracy_gain > recipe.min_delta or (accuracy_gain == 0 and loss_gain > 0)


def _judge(evaluate: Callable[[Any, Any], npt.NDArray[np.float64]], validation: Split) -> dict[str, float]:
    """Return loss and accuracy of the finished network, as it will be used, on the validation photos."""
    num_photos = len(validation.labels)
    sums = np.zeros(2)
    for start in range(0, num_photos, EVALUATION_BATCH):
        positions = np.arange(start, min(start + EVALUATION_BATCH, num_photos))
        sums += evaluate(validation.images[positions], validation.labels[positions])
    return {"validation_loss": sums[0] / num_photos, "validation_accuracy": sums[1] / num_photos}
