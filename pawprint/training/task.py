"""The input of a training in one value: photos, classes and hyperparameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pawprint.models.recipe import Recipe
from pawprint.training.batches import Split


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """The input of a training.

    Args:
        architecture: a name in `ARCHITECTURES`.
        recipe: the architecture's recipe, or a variation of it.
        train: the training photos.
        validation: the photos that choose the epoch and stop the training early; None uses the last epoch.
        class_names: 2 or more, in the order of the labels.
        image_size: side of the photos in pixels.
        epochs: at least 1.
        batch_size: photos per step.
        learning_rate: the peak learning rate.
        patience: epochs without improvement until training stops; 0 never stops early.
        seed: 0 or more.
        weights: file of the network's first weights, `….weights.h5`; None draws them, or takes the pretrained ones.
    """

    architecture: str
    recipe: Recipe
    train: Split
    validation: Split | None
    class_names: Sequence[str]
    image_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int
    weights: Path | None = None
