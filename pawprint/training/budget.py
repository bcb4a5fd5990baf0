"""Fit a training into the minutes that a person is willing to wait, by a short timing before it begins.

The schedule is fitted, rather than broken off: a learning rate that never came down leaves a worse network than a
shorter schedule does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from pawprint.base.files import write_beside
from pawprint.models.features import BATCH, compute_features
from pawprint.models.kind import choose_evenly
from pawprint.models.recipe import Stage
from pawprint.training.batches import Split
from pawprint.training.epochs import Training
from pawprint.training.finetuning import Finetuning, fine_tune
from pawprint.training.loop import train_network
from pawprint.training.schedule import stage_at
from pawprint.training.task import TrainingTask
from pawprint.training.weights import build_network

SHARE = 0.9
"""Share of the minutes that is planned with: reading, judging and writing the network take the rest."""
TIMED_BATCHES = 6


@dataclass(frozen=True)
class Fit:
    """What fits into the minutes.

    Attributes:
        epochs: epochs of the training; of a pretrained network, of its last layer.
        finetuning: epochs of fine-tuning; 0 for none.
        seconds: how long all of them take, by the timing.
    """

    epochs: int
    finetuning: int
    seconds: float

    def describe(self, task: TrainingTask, finetuning: Finetuning | None, *, minutes: float) -> str:
        """Return what was decided, in a sentence."""
        parts = [f"{self.epochs} of {task.epochs} epochs"]
        if finetuning:
            parts.append(f"{self.finetuning} of {finetuning.task.epochs} epochs of fine-tuning")
        fits = self.seconds <= 60 * minutes
        return (
            f"By a short timing, {' and '.join(parts)} take about {self.seconds / 60:.1f} minutes on this machine"
            + (f", of {minutes:g}." if fits else f", and fewer are no training: {minutes:g} are too few for it.")
        )


def fit_to_minutes(task: TrainingTask, finetuning: Finetuning | None, *, minutes: float, kept: Path) -> Fit:
    """Return how many epochs fit into the minutes.

    Args:
        task: the training with the epochs asked for, the most that it gets.
        finetuning: fine-tuning with the epochs asked for; None for none.
        minutes: above 0.
        kept: file of the decision, made if it is not there. The same question gets the same answer, however busy the
            machine is the next time.

    Returns:
        At least one epoch, even where that takes longer.
    """
    try:
        return Fit(**json.loads(kept.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        pass
    fit = _time_pretrained(task, finetuning, minutes) if task.recipe.frozen else _time_whole(task, minutes)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(kept) as beside:
        beside.write_text(json.dumps(asdict(fit)), "utf-8")
    return fit


def _time_whole(task: TrainingTask, minutes: float) -> Fit:
    """Time a network that learns from scratch."""
    started = time.perf_counter()
    timed = _time_stages(task, lambda few: train_network(few, on_epoch=_ignore))
    left = SHARE * 60 * minutes - (time.perf_counter() - started)

    def seconds(epochs: int) -> float:
        stages = [stage_at(epoch, epochs=epochs, stages=task.recipe.stages) for epoch in range(1, epochs + 1)]
        return sum(timed[stage].compiling for stage in set(stages)) + sum(timed[stage].epoch for stage in stages)

    epochs = max((epochs for epochs in range(1, task.epochs + 1) if seconds(epochs) <= left), default=1)
    return Fit(epochs, 0, seconds(epochs))


def _time_pretrained(task: TrainingTask, finetuning: Finetuning | None, minutes: float) -> Fit:
    """Time the features of the photos, from which the last layer learns in no time, and fine-tuning."""
    started = time.perf_counter()
    model = build_network(task)
    backbone = keras.Model(model.input, model.layers[-1].input)
    short, long = (_time(partial(compute_features, backbone, _some(task.train, n).images)) for n in (BATCH, 3 * BATCH))
    photos = sum(len(split.labels) for split in (task.train, task.validation) if split)
    head = photos * max(0.0, long - short) / (2 * BATCH) + short
    if finetuning is None:
        return Fit(task.epochs, 0, head)
    (timed,) = _time_stages(
        finetuning.task,
        lambda few: fine_tune(model, few, before=None, earlier=0, on_epoch=_ignore, checkpoints=None),
    ).values()
    left = SHARE * 60 * minutes - (time.perf_counter() - started) - head - timed.compiling
    epochs = min(finetuning.task.epochs, max(0, int(left / timed.epoch)))
    return Fit(task.epochs, epochs, head + (timed.compiling + epochs * timed.epoch if epochs else 0))


@dataclass(frozen=True)
class _StageTime:
    """Seconds that a stage takes once, and for each of its epochs."""

    compiling: float
    epoch: float


def _time_stages(task: TrainingTask, learn: Callable[[TrainingTask], Training]) -> dict[Stage, _StageTime]:
    """Train two epochs of a few photos in each stage: the first compiles, the second tells the speed."""
    num_photos = len(task.train.labels)
    timed = {}
    for stage in task.recipe.stages:
        shown = min(num_photos, TIMED_BATCHES * task.batch_size)
        judged = task.validation and _some(task.validation, shown * len(task.validation.labels) // num_photos)
        few = replace(
            task,
            recipe=replace(task.recipe, stages=(replace(stage, start=0.0, passes=1),)),
            train=_some(task.train, shown),
            validation=judged,
            epochs=2,
            patience=0,
        )
        first, second = (entry["seconds"] for entry in learn(few).history)
        timed[stage] = _StageTime(max(0.0, first - second), second * stage.passes * num_photos / shown)
    return timed


@dataclass(frozen=True)
class _Some:
    """Some photos of a split."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def _some(split: Split, number: int) -> _Some:
    """Return so many photos, at least one, from all over the split."""
    positions = choose_evenly(len(split.labels), max(1, number))
    return _Some(split.images[positions], split.labels[positions])


def _time(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _ignore(*_: object, **__: object) -> None:
    pass
