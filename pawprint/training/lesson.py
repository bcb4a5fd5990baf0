"""Plan a training from a dataset and what a person asked for: `auto` becomes values, and minutes become epochs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pawprint.base.errors import UserError
from pawprint.dataset.reader import Dataset
from pawprint.models.adjustment import without_mirroring
from pawprint.models.features import FeatureStore
from pawprint.models.recipe import Recipe
from pawprint.training.batches import Split
from pawprint.training.budget import fit_to_minutes
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.epochs import Training
from pawprint.training.finetuning import Finetuning, plan_finetuning
from pawprint.training.head import train_pretrained
from pawprint.training.loop import train_network
from pawprint.training.mirroring import find_misled
from pawprint.training.task import TrainingTask


@dataclass(frozen=True)
class Lesson:
    """What is trained, and how.

    Attributes:
        data: the dataset.
        task: the training, on the dataset's photos; of a pretrained network, of its last layer.
        finetuning: how the later layers of a pretrained network are trained afterwards, if they are.
        parameters: parameters of train that affect the network, by name, without those that the architecture does not
            use.
        notes: sentences about what was decided for the person: that photos are not mirrored, what the training begins
            with, how many epochs fit.
        fitted: whether the epochs were chosen by a clock, so that only their number can be repeated.
    """

    data: Dataset
    task: TrainingTask
    finetuning: Finetuning | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fitted: bool = False

    def count_epochs(self, epoch: int) -> int:
        """Return the number of epochs that is known at an epoch: fine-tuning is decided on after the last layer."""
        begun = self.finetuning is not None and epoch > self.task.epochs
        return self.task.epochs + (self.finetuning.task.epochs if self.finetuning and begun else 0)

    def count_used(self, training: Training) -> dict[str, int] | None:
        """Return the epochs with which the same is learned again, whatever the clock says; None if none chose them."""
        if not self.fitted:
            return None
        used = {"epochs": self.task.epochs}
        if self.task.recipe.finetuning:
            used["finetune"] = self.finetuning.task.epochs if self.finetuning and training.earlier else 0
        return used


def plan_lesson(
    data: Dataset,
    recipe: Recipe,
    *,
    architecture: str,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    patience: int | None,
    seed: int,
    finetune: int | None,
    mirror: str,
    begin: Callable[[TrainingTask], tuple[TrainingTask, str]] | None = None,
) -> Lesson:
    """Return a training with the recipe's values for None, which is `auto`.

    Args:
        data: the dataset, with its training and validation photos.
        recipe: the architecture's recipe, or a variation of it.
        architecture: a name in `ARCHITECTURES`.
        epochs: at least 1.
        batch_size: photos per step.
        learning_rate: the peak learning rate.
        patience: epochs without improvement until training stops; 0 never stops early.
        seed: 0 or more.
        finetune: epochs in which the later layers of a pretrained network learn; None if the validation photos decide.
        mirror: "on", "off", or "auto": the photos decide.
        begin: gives the training its first weights, and says which; None draws them, or takes the pretrained ones.

    Raises:
        UserError: there are no training photos, or patience has no validation photos to watch.
    """
    photos, validation = data.split("train"), data.split("validation")
    if photos is None:
        raise UserError("this dataset has no training photos; run preprocess again with train_images above 0")
    recipe, unmirrored = _decide_mirroring(recipe, mirror, photos)
    used = recipe.resolve(
        # The fraction was used in preprocess; here it only matters whether there are validation photos.
        validation_fraction=0 if validation is None else None,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
    )
    del used["validation_fraction"]
    values: dict[str, Any] = {"architecture": architecture, "epochs": epochs, "seed": seed, **used}
    task = TrainingTask(
        recipe=recipe,
        train=photos,
        validation=validation,
        class_names=data.class_names,
        image_size=data.image_size,
        **values,
    )
    task, begun = begin(task) if begin else (task, "")
    notes = tuple(filter(None, (begun, unmirrored)))
    return Lesson(data, task, plan_finetuning(task, finetune), {**values, "mirror": mirror}, notes)


def _decide_mirroring(recipe: Recipe, mirror: str, photos: Split) -> tuple[Recipe, str]:
    """Return the recipe, with or without mirrored photos, and a sentence if the photos decided against them."""
    misled = find_misled(photos) if mirror == "auto" else 0.0
    if not misled and mirror != "off":
        return recipe, ""
    said = f"Photos are not mirrored: mirror images of other classes would mislead {misled:.0%} of them."
    return without_mirroring(recipe), said if misled else ""


def fit_lesson(lesson: Lesson, minutes: float, *, kept: Path) -> tuple[Lesson, str]:
    """Return a lesson of as many epochs as fit into the minutes, and a sentence that says how many these are.

    Args:
        lesson: the lesson with the most epochs that it may have.
        minutes: above 0.
        kept: file of the decision, see `fit_to_minutes`.
    """
    task, finetuning = lesson.task, lesson.finetuning
    fit = fit_to_minutes(task, finetuning, minutes=minutes, kept=kept)
    fitted = {"epochs": fit.epochs} | ({"finetuning": fit.finetuning} if finetuning else {})
    if finetuning:
        tuned = replace(finetuning, task=replace(finetuning.task, epochs=fit.finetuning))
    shorter = replace(
        lesson,
        task=replace(task, epochs=fit.epochs),
        finetuning=tuned if finetuning and fit.finetuning else None,
        parameters={**lesson.parameters, **fitted},
        fitted=True,
    )
    return shorter, fit.describe(task, finetuning, minutes=minutes)


def learn(lesson: Lesson, *, features: Path, checkpoints: Checkpoints, on_epoch: Callable[..., None]) -> Training:
    """Train the network.

    Args:
        lesson: what is trained.
        features: folder of the features of pretrained networks, which are computed once.
        checkpoints: where to go on from.
        on_epoch: called after each epoch, see `run_epochs`.
    """
    train: Callable[..., Training] = train_network
    if lesson.task.recipe.frozen:
        store = FeatureStore(features, lesson.data.digest)
        train = partial(train_pretrained, features=store, finetuning=lesson.finetuning)
    return train(lesson.task, checkpoints=checkpoints, on_epoch=on_epoch)
