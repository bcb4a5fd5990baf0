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
from pawprint.training.inference import build_inference_network
from pawprint.training.schedule import learning_rate_at, stage_at, training_side
from pawprint.training.steps import build_evaluation_step, build_training_step

EVALUATION_BATCH = 100


@dataclass(frozen=True)
class Training:
    """What a training leaves.

    Args:
        network: pixels 0 to 255 [n, image_size, image_size, 3] to probabilities float32 [n, num_classes].
        history: one dictionary an epoch: epoch, train_loss, train_accuracy, validation_loss,
            validation_accuracy (both absent without validation photos), learning_rate (of its last step), seconds.
        best_epoch: whose weights were taken, from 1; the last one without validation photos.
        images_per_second: pictures trained on per second, the first step (which compiles) and validation left out.
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
    model = build_model(architecture, num_classes=len(class_names), image_size=image_size, seed=seed)
    # The running average lives in the weights of a second network, which is the one that is judged and kept.
    averaged = keras.models.clone_model(model) if recipe.averaging else model
    averaged.set_weights(model.get_weights())
    network = build_inference_network(
        averaged, image_size=image_size, num_classes=len(class_names), flip_average=recipe.flip_average
    )
    train_step = build_training_step(model, averaged, recipe)
    evaluate = build_evaluation_step(network)

    stages = [stage_at(epoch, epochs=epochs, stages=recipe.stages) for epoch in range(1, epochs + 1)]
    steps_of = [num_batches(len(train.labels), batch_size=batch_size, passes=stage.passes) for stage in stages]
    num_steps, step = sum(steps_of), 0
    clock = _Throughput()
    history: list[dict[str, float]] = []
    best_epoch, best_weights = 0, averaged.get_weights()
    for epoch, (stage, epoch_steps) in enumerate(zip(stages, steps_of, strict=True), start=1):
        started = time.perf_counter()
        side = training_side(image_size, stage.scale)
        sums = np.zeros(3)
        rate = 0.0
        batches = training_batches(train, batch_size=batch_size, passes=stage.passes, seed=seed, epoch=epoch)
        clock.start()
        for batch in tqdm(batches, total=epoch_steps, desc=f"epoch {epoch}/{epochs}", leave=False, disable=None):
            rate = learning_rate_at(step, num_steps=num_steps, peak=learning_rate, recipe=recipe)
            sums += train_step(batch, side=side, learning_rate=rate, step=step)
            step += 1
            clock.count(len(batch.labels))
        clock.stop()
        entry = {"epoch": epoch, "train_loss": sums[0] / sums[2], "train_accuracy": sums[1] / sums[2]}
        if not math.isfinite(entry["train_loss"]):
            raise UserError(
                f"the training loss of epoch {epoch} is not a number; try a learning_rate below {learning_rate}"
            )
        if validation is not None:
            entry |= _judge(evaluate, validation)
        entry |= {"learning_rate": rate, "seconds": time.perf_counter() - started}
        history.append(entry)
        on_epoch(epoch, dict(entry))
        if validation is None or not best_epoch or is_better(entry, history[best_epoch - 1], recipe):
            best_epoch = epoch
            best_weights = averaged.get_weights()
        if patience and epoch - best_epoch >= patience:
            break
    averaged.set_weights(best_weights)
    return Training(
        network=network, history=history, best_epoch=best_epoch, images_per_second=clock.images_per_second
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


class _Throughput:
    """A stopwatch over training steps that forgets the first one, whose time is mostly compilation."""

    def __init__(self) -> None:
        self.images, self.seconds, self._since, self._warm = 0, 0.0, 0.0, False

    def start(self) -> None:
        self._since = time.perf_counter()

    def count(self, images: int) -> None:
        self.images += images
        if not self._warm:
            self.images, self._since, self._warm = 0, time.perf_counter(), True

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self._since

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.images and self.seconds else 0.0
