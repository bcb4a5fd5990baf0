"""What a training is asked for: the photos, the classes and the numbers, in one value."""

from collections.abc import Sequence
from dataclasses import dataclass

from pawprint.models.recipe import Recipe
from pawprint.training.batches import Split


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """What a training is asked for.

    Args:
        architecture: a name in `ARCHITECTURES`.
        recipe: what the architecture declares, or a variation of it.
        train: the training photos.
        validation: the photos that choose the epoch and stop the training; None takes the last epoch.
        class_names: 2 or more, in the order of the labels.
        image_size: side in pixels of the photos.
        epochs: at least 1.
        batch_size: photos in a step.
        learning_rate: the highest one.
        patience: epochs without improvement until training stops; 0 never stops early.
        seed: 0 or more.
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
