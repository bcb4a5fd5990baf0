"""Trains a network on a dataset.

Reads   dataset/ of preprocess, its train and validation photos.
Writes  a LoggedModel that takes photos, history.csv, curves.png; loss and accuracy by epoch, as they come; on request
        the artifact export/: the network in other formats.
Run it  mlflow run . --env-manager uv -e train -P dataset=runs:/<run id>/dataset
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pawprint.base.errors import UserError
from pawprint.console import options
from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.help import step_command
from pawprint.models.adjustment import adjust_recipe, resolve_adjustments
from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Recipe

if TYPE_CHECKING:
    from pawprint.dataset.reader import Dataset, Split
    from pawprint.pipeline.earlier_training import EarlierTraining
    from pawprint.training.epochs import Training

MODEL_ROOM = 128 * 2**20
"""Bytes that the files of the largest network of our own take, several times over; `keras:…` may take more."""


@step_command()
@options.dataset
@options.architecture
@options.epochs
@options.batch_size
@options.learning_rate
@options.patience
@options.weight_decay
@options.augmentation
@options.width
@options.seed
@options.export
def train(
    dataset: str,
    architecture: str,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    patience: int | None,
    weight_decay: float | None,
    augmentation: float | None,
    width: float | None,
    seed: int,
    export: str,
) -> None:
    """Train a network on a dataset."""
    import_tensorflow_quietly()

    from pawprint.base.cache import cache_folder
    from pawprint.base.space import check_space
    from pawprint.dataset.reader import load_dataset
    from pawprint.pipeline.earlier_training import take_training
    from pawprint.pipeline.resuming import find_start
    from pawprint.tracking.artifacts import open_artifact
    from pawprint.tracking.datasets import find_photos, log_splits
    from pawprint.tracking.deliveries import (
        EXPORT,
        FILES,
        MODEL,
        FinishedTraining,
        log_training,
        open_results,
        send_metrics,
        settle,
    )
    from pawprint.tracking.descriptions import code, link
    from pawprint.tracking.runs import artifact_folder, start_step
    from pawprint.training.checkpoints import Checkpoints
    from pawprint.training.features import FeatureStore
    from pawprint.training.head import train_head
    from pawprint.training.loop import train_network

    recipe, adjusted = _adjust(architecture, weight_decay=weight_decay, augmentation=augmentation, width=width)
    with (
        Checkpoints(settle) as checkpoints,  # the last to end: the run is finished when they are removed
        start_step(system_metrics=True) as run,
        open_results() as results,
        send_metrics(run.info.run_id, checkpoints) as sender,
        open_artifact(dataset, expected="runs:/<run id of preprocess>/dataset") as dataset_folder,
    ):
        check_space("a training", dict.fromkeys((results, *artifact_folder(run)), MODEL_ROOM))
        data = load_dataset(dataset_folder)
        photos, validation = data.split("train"), data.split("validation")
        if photos is None:
            raise UserError("this dataset has no training photos; run preprocess again with train_images above 0")
        _warn(photos, data, recipe)
        log_splits(
            photos=find_photos(dataset),
            source=data.source,
            digest=data.digest,
            image_size=data.image_size,
            counts=data.counts,
            splits=("train", "validation"),
        )
        # Said now, while the server is sure to be there.
        dataset_link = link(dataset)

        def report_epoch(epoch: int, metrics: dict[str, float], *, timestamp_ms: int) -> None:
            sender.log_epoch(metrics, timestamp_ms)
            click.echo(f"epoch {epoch:>3}/{epochs}  {_tell_figures(metrics)}")

        # A pretrained network only learns its last layer, from features that are computed once.
        learn: Callable[..., Training] = train_network
        if recipe.frozen:
            learn = partial(train_head, features=FeatureStore(cache_folder() / "features", data.digest))
        used: dict[str, Any] = {
            "epochs": epochs,
            "seed": seed,
            **_resolve(recipe, validation, batch_size=batch_size, learning_rate=learning_rate, patience=patience),
        }
        parameters = {"architecture": architecture, **used, **adjusted}
        start = find_start(run, parameters, data.digest, export=export)
        # What is taken whole needs no checkpoints.
        checkpoints.open(cache_folder() / "checkpoints", None if start.learned else start.key, anew=start.anew)
        earlier = start.learned and take_training(start.learned, sender, files=results / FILES, model=results / MODEL)
        if earlier:
            training, model_digest = _open_training(earlier, results / MODEL), earlier.model_digest
        else:
            if start.learned:
                checkpoints.open(cache_folder() / "checkpoints", start.key)
            training = learn(
                architecture=architecture,
                train=photos,
                validation=validation,
                class_names=data.class_names,
                image_size=data.image_size,
                **used,
                checkpoints=checkpoints,
                recipe=recipe,
                on_epoch=report_epoch,
            )
            model_digest = _write_training(training, results / FILES, results / MODEL, architecture, data)
            sender.log(_summarize(training))
        facts = {
            "class_names": list(data.class_names),
            "image_size": data.image_size,
            "architecture": architecture,
            "model_digest": model_digest,
            "dataset_digest": data.digest,
            "decoding": data.decoding.describe(),
        }
        exported = _write_exports(training.network, results / EXPORT, export, photos=validation or photos, facts=facts)
        best = training.history[training.best_epoch - 1]
        model = log_training(
            sender,
            results,
            FinishedTraining(
                run_id=run.info.run_id,
                parameters=parameters,
                tags={
                    "model_digest": model_digest,
                    "dataset_digest": data.digest,
                    "photos_sha256": data.photos_sha256,
                    "training_key": start.key,
                    "precision": training.precision,
                    "learned_in": earlier and earlier.run_id,
                },
                description=(
                    f"Not trained again: run {code(earlier.run_id)} had learned the same." if earlier else "",
                    f"{code(architecture)} learned {dataset_link} ({len(photos)} photos of {code(data.source)}).",
                    f"Epoch {training.best_epoch} of {len(training.history)} was taken: "
                    + ", ".join(f"{name} {best[name]:.4f}" for name in best if name.endswith(("_loss", "_accuracy"))),
                    exported,
                ),
            ),
        )
    click.echo(f"model: {model.uri} (epoch {training.best_epoch} of {len(training.history)})")


def _adjust(architecture: str, **given: float | None) -> tuple[Recipe, dict[str, float]]:
    """Returns the recipe with what is given, and the values that it then has."""
    recipe = recipe_for(architecture)
    adjusted = resolve_adjustments(architecture, recipe, **given)
    return adjust_recipe(recipe, **adjusted), {name: value for name, value in adjusted.items() if value is not None}


def _resolve(recipe: Recipe, validation: "Split | None", **given: float | None) -> dict[str, float]:
    """Returns the parameters given, as the recipe has them where they are `auto`."""
    # preprocess has held photos out, or not: here it only counts whether there are any.
    resolved = recipe.resolve(validation_fraction=0 if validation is None else None, **given)
    return {name: value for name, value in resolved.items() if name != "validation_fraction"}


def _warn(photos: "Split", data: "Dataset", recipe: Recipe) -> None:
    """Says what will make the training slow, or its result worse."""
    from pawprint.training.devices import unused_gpu
    from pawprint.training.few_photos import few_photos

    for warning in filter(None, (unused_gpu(), few_photos(photos.labels, data.class_names, recipe))):
        click.echo(f"warning: {warning}", err=True)


def _tell_figures(metrics: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {value:.4f}" for name, value in metrics.items() if name.startswith(("train_", "validation_"))
    )


def _open_training(earlier: "EarlierTraining", model: Path) -> "Training":
    """Returns what an earlier run has learned, from the model's files that were taken from it."""
    from pawprint.models.prediction import load_network
    from pawprint.training.epochs import Training

    click.echo(f"run {earlier.run_id} has learned the same: its model is taken, and nothing is trained again")
    return Training(load_network(model / "network.keras"), earlier.history, earlier.best_epoch)


def _write_training(training: "Training", files: Path, model: Path, architecture: str, data: "Dataset") -> str:
    """Writes the history, its picture and the model's files; returns the model's digest."""
    from pawprint.tracking.model_files import write_model_files
    from pawprint.training.curves import write_curves
    from pawprint.training.history import write_history

    write_history(training.history, files / "history.csv")
    write_curves(training.history, training.best_epoch, files / "curves.png")
    return write_model_files(
        training.network,
        model,
        class_names=data.class_names,
        image_size=data.image_size,
        architecture=architecture,
        dataset_digest=data.digest,
        decoding=data.decoding,
    )


def _write_exports(network: Any, folder: Path, export: str, *, photos: "Split", facts: Mapping[str, Any]) -> str:
    """Writes the network in other formats, each held against it on photos that are none of the test; says what came."""
    from pawprint.serving.agreement import ask_network
    from pawprint.serving.exports import export_network
    from pawprint.serving.formats import list_formats

    formats = list_formats(export)
    if not formats:
        return ""
    folder.mkdir(exist_ok=True)
    reference = ask_network(network, photos.images, facts["image_size"])
    told = export_network(reference, folder, formats=formats, facts=facts)
    click.echo("\n".join(told))
    return "\n".join(f"- {line}" for line in told)


def _summarize(training: "Training") -> dict[str, float]:
    """Returns the metrics of the training as a whole; a speed that could not be told is left out."""
    from pawprint.training.devices import matrix_product_rate

    metrics: dict[str, float] = {"best_epoch": training.best_epoch}
    if training.images_per_second:
        metrics["images_per_second"] = training.images_per_second
    if training.flops_per_second:
        metrics["flops_utilization"] = training.flops_per_second / matrix_product_rate()
    return metrics


if __name__ == "__main__":
    run_command(train)
