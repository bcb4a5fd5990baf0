"""Run a training epoch by epoch: keep the history and the best weights, stop early, save checkpoints."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pawprint.base.errors import UserError
from pawprint.models.recipe import Recipe
from pawprint.training.checkpoint_file import Checkpoint
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.task import TrainingTask

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """The result of a training.

    Args:
        network: maps pixels 0 to 255 [n, image_size, image_size, 3] to probabilities float32 [n, num_classes].
        history: one dictionary per epoch: epoch, train_loss, train_accuracy, validation_loss, validation_accuracy
            (both absent without validation photos), learning_rate (of its last step), seconds.
        best_epoch: epoch whose weights are used, from 1; the last one without validation photos.
        images_per_second: pictures per second through forward and backward pass, or through the frozen network,
            without compilation, validation and the epochs of an earlier process. None if too few steps ran to measure
            it.
        flops_per_second: operations of forward and backward pass per second; None if unknown.
        precision: number format of the layers during training, "float32" or "bfloat16"; None if unknown.
        earlier: number of epochs before fine-tuning began; 0 if it did not.
    """

    network: keras.Model
    history: list[dict[str, float]]
    best_epoch: int
    images_per_second: float | None = None
    flops_per_second: float | None = None
    precision: str | None = None
    earlier: int = 0


@dataclass(frozen=True)
class Learned:
    """The result of an epoch: sums over its pictures (loss, correct answers, pictures) and its last learning rate."""

    sums: npt.NDArray[np.float64]
    learning_rate: float


@dataclass(frozen=True)
class Progress:
    """What a training has reached after its last epoch.

    Args:
        history: as in `Training`.
        timestamps_ms: end of each epoch, in milliseconds since 1970.
        best_epoch: number of the best epoch, from 1; 0 before the first.
        best_weights: what `weights` returned after it.
    """

    history: list[dict[str, float]]
    timestamps_ms: list[int]
    best_epoch: int
    best_weights: list[npt.NDArray[Any]]


def run_epochs(
    task: TrainingTask,
    *,
    learn: Callable[[int], Learned],
    judge: Callable[[int], npt.NDArray[np.float64]] | None,
    weights: Callable[[], list[npt.NDArray[Any]]],
    state: Mapping[str, Sequence[keras.Variable]],
    checkpoints: Checkpoints | None,
    on_epoch: Callable[..., None],
    before: Progress | None = None,
    earlier: int = 0,
) -> Progress:
    """Train and validate epoch by epoch, from the first epoch or from the newest checkpoint.

    A training may have two phases: this function then runs twice, and the epochs are counted on.

    Args:
        task: the training; its recipe defines which epoch is better.
        learn: trains one epoch, given its number in this phase, from 1.
        judge: returns summed loss, correct answers and number of the validation photos, float64 [3], given the
            number of the epoch in this phase; None uses the last epoch.
        weights: returns a copy of the weights that `judge` used.
        state: every variable that the next epoch depends on, by group. Other randomness must depend only on the
            number of the epoch.
        checkpoints: where the training is saved after each epoch; None saves nothing.
        on_epoch: called after each epoch with its number, its history entry and, as `timestamp_ms`, its end. For the
            epochs of a checkpoint it is called immediately.
        before: progress of the phase before, reported already; None if there is none, or if a checkpoint has it.
        earlier: number of epochs of the phase before.

    Returns:
        The progress after the last epoch, the phase before included.

    Raises:
        UserError: patience without validation photos, or the loss is NaN or infinite.
    """
    if judge is None and task.patience > 0:
        raise UserError(
            f"patience={task.patience} needs validation photos; set patience=0 or validation_fraction above 0"
        )
    before_all = before or Progress([], [], 0, [])
    history, timestamps = list(before_all.history), list(before_all.timestamps_ms)
    best_epoch, best_weights = before_all.best_epoch, before_all.best_weights
    shapes = {name: [tuple(variable.shape) for variable in group] for name, group in state.items()}
    last = earlier + task.epochs
    if checkpoints and not before and (kept := checkpoints.load(shapes)):
        logger.info("going on after epoch %d of %d, which an earlier run had reached", len(kept.history), last)
        history, timestamps, best_epoch = kept.history, kept.timestamps_ms, kept.best_epoch
        best_weights = list(kept.arrays["best"])
        _restore(state, kept)
        for epoch, (entry, timestamp) in enumerate(zip(history, timestamps, strict=True), 1):
            on_epoch(epoch, dict(entry), timestamp_ms=timestamp)
    for epoch in range(len(history) + 1, last + 1):
        # A phase starts with fresh patience.
        if task.patience and history and len(history) - max(best_epoch, earlier) >= task.patience:
            break
        started = time.perf_counter()
        learned = learn(epoch - earlier)
        train_loss, train_accuracy = learned.sums[:2] / learned.sums[2]
        if not math.isfinite(train_loss):
            below = f"try a learning_rate below {learned.learning_rate:g}"
            raise UserError(f"the training loss of epoch {epoch} is not a number; {below}")
        entry = {"epoch": epoch, "train_loss": train_loss, "train_accuracy": train_accuracy}
        if judge is not None:
            loss, right, photos = judge(epoch - earlier)
            entry |= {"validation_loss": loss / photos, "validation_accuracy": right / photos}
        entry |= {"learning_rate": learned.learning_rate, "seconds": time.perf_counter() - started}
        entry = {name: value if name == "epoch" else float(value) for name, value in entry.items()}
        history.append(entry)
        timestamps.append(time.time_ns() // 1_000_000)
        if judge is None or not best_epoch or is_better(entry, history[best_epoch - 1], task.recipe):
            best_epoch, best_weights = epoch, weights()
        if checkpoints:
            arrays = {name: [variable.numpy() for variable in group] for name, group in state.items()}
            arrays["best"] = best_weights
            checkpoints.save(Checkpoint(history, timestamps, best_epoch, arrays, earlier))
        on_epoch(epoch, dict(entry), timestamp_ms=timestamps[-1])
    return Progress(history, timestamps, best_epoch, best_weights)


def _restore(state: Mapping[str, Sequence[keras.Variable]], checkpoint: Checkpoint) -> None:
    for name, group in state.items():
        for variable, value in zip(group, checkpoint.arrays[name], strict=True):
            variable.assign(value)


def is_better(entry: dict[str, float], best: dict[str, float], recipe: Recipe) -> bool:
    """Return whether an epoch's validation is better than the best so far by more than the recipe's `min_delta`."""
    loss_gain = best["validation_loss"] - entry["validation_loss"]
    if recipe.choose_by == "validation_loss":
        return loss_gain > recipe.min_delta
    accuracy_gain = entry["validation_accuracy"] - best["validation_accuracy"]
    return accuracy_gain > recipe.min_delta or (accuracy_gain == 0 and loss_gain > 0)
