"""Trains a network on a dataset.

Reads   dataset/ of preprocess, its train and validation photos.
Writes  a LoggedModel that takes photos, history.csv, curves.png; loss and accuracy by epoch, as they come; on request
        the artifact export/: the network in other formats.
Run it  mlflow run . -e train -P dataset=runs:/<run id>/dataset
"""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pawprint.errors import UserError
from pawprint.models.architectures import recipe_for
from steps import options
from steps.console import import_tensorflow_quietly, run_command

if TYPE_CHECKING:
    from pawprint.dataset.reader import Split


@click.command()
@options.dataset
@options.architecture
@options.epochs
@options.batch_size
@options.learning_rate
@options.patience
@options.seed
@options.export
def train(
    dataset: str,
    architecture: str,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    patience: int | None,
    seed: int,
    export: str,
) -> None:
    """Train a network on a dataset."""
    import_tensorflow_quietly()
    import mlflow

    from pawprint.dataset.reader import load_dataset
    from pawprint.lineage.artifacts import open_artifact
    from pawprint.lineage.datasets import find_photos, log_splits
    from pawprint.lineage.descriptions import code, describe_run, link
    from pawprint.lineage.digests import log_folder
    from pawprint.lineage.models import log_photo_model
    from pawprint.lineage.runs import set_tags, start_step
    from pawprint.photos.cache import cache_folder
    from pawprint.training.curves import write_curves
    from pawprint.training.devices import matrix_product_rate, unused_gpu
    from pawprint.training.epochs import Training
    from pawprint.training.features import FeatureStore
    from pawprint.training.head import train_head
    from pawprint.training.history import write_history
    from pawprint.training.loop import train_network

    recipe = recipe_for(architecture)
    with (
        start_step(system_metrics=True),
        tempfile.TemporaryDirectory(prefix="pawprint-") as scratch,
        open_artifact(dataset, expected="runs:/<run id of preprocess>/dataset") as dataset_folder,
    ):
        if warning := unused_gpu():
            click.echo(f"warning: {warning}", err=True)
        data = load_dataset(dataset_folder)
        photos, validation = data.split("train"), data.split("validation")
        if photos is None:
            raise UserError("this dataset has no training photos; run preprocess again with train_images above 0")

        log_splits(
            photos=find_photos(dataset),
            source=data.source,
            digest=data.digest,
            image_size=data.image_size,
            counts=data.counts,
            splits=("train", "validation"),
        )

        def report_epoch(epoch: int, metrics: dict[str, float]) -> None:
            mlflow.log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step=epoch)
            figures = "  ".join(
                f"{name} {value:.4f}" for name, value in metrics.items() if name.startswith(("train_", "validation_"))
            )
            click.echo(f"epoch {epoch:>3}/{epochs}  {figures}")

        # A pretrained network only learns its last layer, from features that are computed once.
        learn: Callable[..., Training] = train_network
        if recipe.frozen:
            learn = partial(train_head, features=FeatureStore(cache_folder() / "features", data.digest))
        used: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": batch_size or recipe.batch_size,
            "learning_rate": learning_rate or recipe.learning_rate,
            "patience": _choose_patience(patience, recipe.patience, has_validation=validation is not None),
            "seed": seed,
        }
        training = learn(
            architecture=architecture,
            train=photos,
            validation=validation,
            class_names=data.class_names,
            image_size=data.image_size,
            **used,
            on_epoch=report_epoch,
        )
        folder = Path(scratch)
        write_history(training.history, folder / "history.csv")
        write_curves(training.history, training.best_epoch, folder / "curves.png")
        log_folder(folder)
        model = log_photo_model(
            training.network,
            class_names=data.class_names,
            image_size=data.image_size,
            architecture=architecture,
            dataset_digest=data.digest,
            parameters={"architecture": architecture, **used},
        )
        mlflow.log_metrics({"best_epoch": training.best_epoch})
        if training.images_per_second:
            mlflow.log_metrics({"images_per_second": training.images_per_second})
        if training.flops_per_second:
            mlflow.log_metrics({"flops_utilization": training.flops_per_second / matrix_product_rate()})
        best = training.history[training.best_epoch - 1]
        describe_run(
            f"{code(architecture)} learned {link(dataset)} ({len(photos)} photos of {code(data.source)}) and became "
            f"{link(model.uri)}.",
            f"Epoch {training.best_epoch} of {len(training.history)} was taken: "
            + ", ".join(f"{name} {best[name]:.4f}" for name in best if name.endswith(("_loss", "_accuracy"))),
            _log_exports(
                training.network,
                export,
                photos=validation or photos,
                facts={
                    "class_names": list(data.class_names),
                    "image_size": data.image_size,
                    "architecture": architecture,
                    "model_digest": model.digest,
                    "dataset_digest": data.digest,
                },
            ),
        )
        set_tags(model_digest=model.digest, dataset_digest=data.digest, photos_sha256=data.photos_sha256)
    click.echo(f"model: {model.uri} (epoch {training.best_epoch} of {len(training.history)})")


def _log_exports(network: Any, export: str, *, photos: "Split", facts: Mapping[str, Any]) -> str:
    """Logs the network in other formats, each held against it on photos that are none of the test; says what came."""
    from pawprint.lineage.digests import log_folder
    from pawprint.serving.exports import export_network
    from pawprint.serving.formats import list_formats

    formats = list_formats(export)
    if not formats:
        return ""
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        told = export_network(
            network,
            Path(scratch),
            formats=formats,
            images=photos.images,
            image_size=facts["image_size"],
            facts=facts,
        )
        log_folder(Path(scratch), "export")
    click.echo("\n".join(told))
    return "\n".join(f"- {line}" for line in told)


def _choose_patience(given: int | None, measured: int, *, has_validation: bool) -> int:
    """Returns the epochs to wait; without validation photos there is nothing to wait for."""
    if has_validation:
        return measured if given is None else given
    if given:
        raise UserError(
            f"patience={given} needs validation photos to watch, and this dataset has none; "
            "say patience=0, or preprocess with a validation_fraction above 0"
        )
    return 0


if __name__ == "__main__":
    run_command(train)
