"""What every training does epoch by epoch: keep a history, remember the best weights, stop when nothing improves."""

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
    """What a training leaves.

    Args:
        network: pixels 0 to 255 [n, image_size, image_size, 3] to probabilities float32 [n, num_classes].
        history: one dictionary an epoch: epoch, train_loss, train_accuracy, validation_loss,
            validation_accuracy (both absent without validation photos), learning_rate (of its last step), seconds.
        best_epoch: whose weights were taken, from 1; the last one without validation photos.
        images_per_second: pictures per second through forward and backward pass, or through the frozen network;
            compiling, validation and the epochs of an earlier process that this one went on from are left out. None
            where too little was done to tell.
        flops_per_second: operations of forward and backward pass per second; None where it cannot be told.
        precision: what the layers computed in while they learned, "float32" or "bfloat16"; None where it was not told.
    """

    network: keras.Model
    history: list[dict[str, float]]
    best_epoch: int
    images_per_second: float | None = None
    flops_per_second: float | None = None
    precision: str | None = None


@dataclass(frozen=True)
class Learned:
    """An epoch's learning: sums over its pictures (loss, right answers, pictures) and its last learning rate."""

    sums: npt.NDArray[np.float64]
    learning_rate: float


def run_epochs(
    task: TrainingTask,
    *,
    learn: Callable[[int], Learned],
    judge: Callable[[int], npt.NDArray[np.float64]] | None,
    weights: Callable[[], list[npt.NDArray[Any]]],
    state: Mapping[str, Sequence[keras.Variable]],
    checkpoints: Checkpoints | None,
    on_epoch: Callable[..., None],
) -> tuple[list[dict[str, float]], int, list[npt.NDArray[Any]]]:
    """Train and judge epoch after epoch, from the first one or from where `checkpoints` has it.

    Args:
        task: its recipe says what better means.
        learn: trains one epoch, whose number it is given, from 1.
        judge: returns summed loss, right answers and number of photos of the validation, float64 [3]; None
            takes the last epoch.
        weights: returns a copy of the weights that were judged.
        state: by group, every variable that the next epoch depends on. What else is random must come from the number
            of the epoch alone.
        checkpoints: where the training is kept after each epoch; None keeps it nowhere.
        on_epoch: called after each epoch with its number, its entry of the history and, as `timestamp_ms`, when it
            ended; at once for the epochs of an earlier process that this one goes on from.

    Returns:
        The history, the best epoch, and what `weights` returned after it.

    Raises:
        UserError: patience without validation photos, or a loss that is no longer a number.
    """
    if judge is None and task.patience > 0:
        raise UserError(
            f"patience={task.patience} needs validation photos; set patience=0 or validation_fraction above 0"
        )
    history: list[dict[str, float]] = []
    timestamps: list[int] = []
    best_epoch, best_weights = 0, []
    shapes = {name: [tuple(variable.shape) for variable in group] for name, group in state.items()}
    if checkpoints and (kept := checkpoints.load(shapes)):
        logger.info("going on after epoch %d of %d, which an earlier run had reached", len(kept.history), task.epochs)
        history, timestamps, best_epoch = kept.history, kept.timestamps_ms, kept.best_epoch
        best_weights = list(kept.arrays["best"])
        _restore(state, kept)
        for epoch, (earlier, timestamp) in enumerate(zip(history, timestamps, strict=True), 1):
            on_epoch(epoch, dict(earlier), timestamp_ms=timestamp)
    for epoch in range(len(history) + 1, task.epochs + 1):
        if task.patience and history and len(history) - best_epoch >= task.patience:
            break
        started = time.perf_counter()
        learned = learn(epoch)
        train_loss, train_accuracy = learned.sums[:2] / learned.sums[2]
        if not math.isfinite(train_loss):
            below = f"try a learning_rate below {learned.learning_rate:g}"
            raise UserError(f"the training loss of epoch {epoch} is not a number; {below}")
        entry: dict[str, float] = {"epoch": epoch, "train_loss": train_loss, "train_accuracy": train_accuracy}
        if judge is not None:
            loss, right, photos = judge(epoch)
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
            checkpoints.save(Checkpoint(history, timestamps, best_epoch, arrays))
        on_epoch(epoch, dict(entry), timestamp_ms=timestamps[-1])
    return history, best_epoch, best_weights


def _restore(state: Mapping[str, Sequence[keras.Variable]], checkpoint: Checkpoint) -> None:
    for name, group in state.items():
        for variable, value in zip(group, checkpoint.arrays[name], strict=True):
            variable.assign(value)


def is_better(entry: dict[str, float], best: dict[str, float], recipe: Recipe) -> bool:
    """Whether an epoch's validation beats the best so far by more than the recipe's `min_delta`."""
    loss_gain = best["validation_loss"] - entry["validation_loss"]
    if recipe.choose_by == "validation_loss":
        return loss_gain > recipe.min_delta
    accuracy_gain = entry["validation_accuracy"] - best["validation_accuracy"]
    return accuracy_gain > recipe.min_delta or (accuracy_gain == 0 and loss_gain > 0)
