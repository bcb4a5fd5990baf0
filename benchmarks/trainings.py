"""Make a dataset from photos and train on it as the steps do, without runs, for benchmarks that look into a network."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pawprint.dataset.reader import Dataset, Split, load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.models.architectures import recipe_for
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos

if TYPE_CHECKING:
    from pawprint.training.epochs import Training
    from pawprint.training.task import TrainingTask


def prepare(
    source: str, folder: Path, *, architecture: str, side: int | None = None, train_images: int = 1500, seed: int = 0
) -> Dataset:
    """Fetch a set's photos and divide them as preprocess does, at the architecture's side unless another is given."""
    recipe = recipe_for(architecture)
    fetch_photos(source, folder / "photos", keep_photos="reference", resolve_uri=Path)
    write_dataset(
        load_photos(folder / "photos"),
        folder / "dataset",
        image_size=side or recipe.image_size,
        train_images=train_images,
        test_images=500,
        validation_fraction=recipe.validation_fraction,
        seed=seed,
    )
    return load_dataset(folder / "dataset")


def learn(
    data: Dataset, architecture: str, *, epochs: int, seed: int = 0, finetune: int | None = None
) -> "tuple[TrainingTask, Training]":
    """Train a network on a set as train does, except for its temperature and unlikeness; None is `finetune=auto`."""
    from pawprint.models.features import FeatureStore
    from pawprint.training.finetuning import plan_finetuning
    from pawprint.training.head import train_pretrained
    from pawprint.training.loop import train_network
    from pawprint.training.task import TrainingTask

    recipe = recipe_for(architecture)
    task = TrainingTask(
        architecture=architecture,
        recipe=recipe,
        train=split_of(data, "train"),
        validation=split_of(data, "validation"),
        class_names=data.class_names,
        image_size=data.image_size,
        epochs=epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        patience=recipe.patience,
        seed=seed,
    )
    if not recipe.frozen:
        return task, train_network(task, on_epoch=_ignore)
    with tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        store = FeatureStore(Path(folder), data.digest)
        finetuning = plan_finetuning(task, finetune)
        return task, train_pretrained(task, features=store, finetuning=finetuning, on_epoch=_ignore)


def split_of(data: Dataset, name: str) -> Split:
    """Return a split that the set must have."""
    split = data.split(name)
    if split is None:
        raise SystemExit(f"{data.source} has no {name} photos")
    return split


def _ignore(*_: object, **__: object) -> None:
    """Say nothing about an epoch."""
