"""Trains a network on a dataset.

Reads   dataset/ of preprocess, its train and validation photos.
Writes  a LoggedModel that takes photos, history.csv, curves.png; loss and
        accuracy by epoch, as they come; on request the artifact export/:
        the network in other formats.
Run it  mlflow run . --env-manager uv -e train -P dataset=runs:/<run id>/dataset
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pawprint.base.errors import UserError
from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.parameters import Learning, TrainParameters, by_name
from pawprint.console.step import step
from pawprint.models.adjustment import adjust_recipe, check_finetune, resolve_adjustments
from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Recipe

if TYPE_CHECKING:
    from mlflow.entities import Run

    from pawprint.dataset.reader import Dataset, Split
    from pawprint.pipeline.resuming import Start
    from pawprint.tracking.metrics import MetricSender
    from pawprint.tracking.models import LoggedPhotoModel
    from pawprint.training.calibration import Calibrated
    from pawprint.training.checkpoints import Checkpoints
    from pawprint.training.epochs import Training
    from pawprint.training.finetuning import Finetuning
    from pawprint.training.task import TrainingTask

MODEL_ROOM = 128 * 2**20
"""Free space in bytes that a training requires: several times the files of our largest network (not `keras:…`)."""


@dataclass(frozen=True)
class Lesson:
    """The dataset and the parameters of a training.

    Attributes:
        data: the dataset.
        task: what is trained, on which of its photos; of a pretrained network, its last layer.
        finetuning: how the later layers of a pretrained network are trained afterwards, if they are.
        parameters: parameters of train that affect the network, by name, without those that the architecture does not
            use.
    """

    data: "Dataset"
    task: "TrainingTask"
    finetuning: "Finetuning | None"
    parameters: dict[str, Any]

    def count_epochs(self, epoch: int) -> int:
        """Return the number of epochs that is known at an epoch: fine-tuning is decided on after the last layer."""
        begun = self.finetuning is not None and epoch > self.task.epochs
        return self.task.epochs + (self.finetuning.task.epochs if self.finetuning and begun else 0)


@dataclass(frozen=True)
class Learned:
    """The result of a lesson.

    Attributes:
        training: the network and its history.
        model_digest: digest of the model's files.
        learned_in: the earlier run that it was copied from; None if this run has trained.
    """

    training: "Training"
    model_digest: str
    learned_in: str | None = None


@step(TrainParameters)
def train(given: TrainParameters) -> None:
    """Train a network on a dataset."""
    import_tensorflow_quietly()

    from pawprint.base.space import check_space
    from pawprint.dataset.reader import load_dataset
    from pawprint.pipeline.resuming import find_start
    from pawprint.tracking.artifacts import open_artifact
    from pawprint.tracking.datasets import find_photos, log_splits
    from pawprint.tracking.deliveries import open_results, send_metrics, settle
    from pawprint.tracking.descriptions import link
    from pawprint.tracking.runs import artifact_folder, start_step
    from pawprint.training.checkpoints import Checkpoints

    recipe, adjusted = _adjust(given.learning)
    with (
        Checkpoints(settle) as checkpoints,  # ends last, so that the checkpoints are removed after the run has finished
        start_step(system_metrics=True) as run,
        open_results() as results,
        send_metrics(run.info.run_id, checkpoints) as sender,
        open_artifact(given.dataset, expected="runs:/<run id of preprocess>/dataset") as dataset_folder,
    ):
        check_space("a training", dict.fromkeys((results, *artifact_folder(run)), MODEL_ROOM))
        data = load_dataset(dataset_folder, ("train", "validation"))
        photos = data.split("train")
        if photos is None:
            raise UserError("this dataset has no training photos; run preprocess again with train_images above 0")
        _warn(photos, data, recipe)
        log_splits(
            photos=find_photos(given.dataset),
            source=data.source,
            digest=data.digest,
            image_size=data.image_size,
            counts=data.counts,
            splits=("train", "validation"),
        )
        # The link needs the server, which may be unreachable after the training.
        dataset_link = link(given.dataset)
        lesson = _plan_lesson(given, data, photos, recipe, adjusted)
        start = find_start(run, lesson.parameters, data.digest, export=given.export)
        learned = _take_or_learn(lesson, start, sender, checkpoints, results)
        exported = _write_exports(lesson, learned, results, given.export)
        model = _log_training(lesson, learned, run, sender, results, start.key, notes=(dataset_link, exported))
    click.echo(f"model: {model.uri} (epoch {learned.training.best_epoch} of {len(learned.training.history)})")


def _adjust(learning: Learning) -> tuple[Recipe, dict[str, Any]]:
    """Return the recipe with the user's adjustments, and the resulting values."""
    recipe = recipe_for(learning.architecture)
    check_finetune(learning.architecture, recipe, learning.finetune)
    adjusted = resolve_adjustments(learning.architecture, recipe, **by_name(learning.adjustments))
    resulting = {
        name: value for name, value in {**adjusted, "finetune": learning.finetune}.items() if value is not None
    }
    return adjust_recipe(recipe, **adjusted), resulting


def _plan_lesson(
    given: TrainParameters, data: "Dataset", photos: "Split", recipe: Recipe, adjusted: dict[str, Any]
) -> Lesson:
    """Return what is trained and how, with the recipe's values for `auto`."""
    from pawprint.training.finetuning import plan_finetuning
    from pawprint.training.task import TrainingTask

    validation = data.split("validation")
    used = _resolve_auto(given, recipe, validation)
    task = TrainingTask(
        recipe=recipe,
        train=photos,
        validation=validation,
        class_names=data.class_names,
        image_size=data.image_size,
        **used,
    )
    return Lesson(data, task, plan_finetuning(task, given.learning.finetune), {**used, **adjusted})


def _resolve_auto(given: TrainParameters, recipe: Recipe, validation: "Split | None") -> dict[str, Any]:
    """Return the parameters of the training loop, with the recipe's values for `auto`."""
    learning = given.learning
    resolved = recipe.resolve(
        # The fraction was used in preprocess; here it only matters whether there are validation photos.
        validation_fraction=0 if validation is None else None,
        batch_size=learning.batch_size,
        learning_rate=learning.learning_rate,
        patience=learning.patience,
    )
    del resolved["validation_fraction"]
    return {"architecture": learning.architecture, "epochs": learning.epochs, "seed": given.seed, **resolved}


def _warn(photos: "Split", data: "Dataset", recipe: Recipe) -> None:
    """Print warnings about an unused GPU and too few photos."""
    from pawprint.training.devices import unused_gpu
    from pawprint.training.few_photos import few_photos

    for warning in filter(None, (unused_gpu(), few_photos(photos.labels, data.class_names, recipe))):
        click.echo(f"warning: {warning}", err=True)


def _take_or_learn(
    lesson: Lesson, start: "Start", sender: "MetricSender", checkpoints: "Checkpoints", results: Path
) -> Learned:
    """Copy the training of an earlier run with the same key, or train; write the files to the folder of results."""
    from pawprint.base.cache import cache_folder
    from pawprint.models.prediction import load_network
    from pawprint.pipeline.earlier_training import take_training
    from pawprint.tracking.deliveries import FILES, MODEL
    from pawprint.training.calibration import calibrate
    from pawprint.training.epochs import Training
    from pawprint.training.unlikeness import learn_unlikeness

    files, model_files = results / FILES, results / MODEL
    # A training that is copied needs no checkpoints.
    checkpoints.open(cache_folder() / "checkpoints", None if start.learned else start.key, anew=start.anew)
    earlier = start.learned and take_training(start.learned, sender, files=files, model=model_files)
    if earlier:
        click.echo(f"run {earlier.run_id} has learned the same: its model is taken, and nothing is trained again")
        network = load_network(model_files / "network.keras")
        return Learned(Training(network, earlier.history, earlier.best_epoch), earlier.model_digest, earlier.run_id)
    if start.learned:
        checkpoints.open(cache_folder() / "checkpoints", start.key)
    training = _learn(lesson, sender, checkpoints)
    if said := _describe_finetuning(lesson, training):
        click.echo(said)
    # First what needs the network as it was built, then what takes it as it is.
    network = learn_unlikeness(training.network, lesson.task)
    calibrated = calibrate(network, lesson.task.validation, image_size=lesson.task.image_size)
    training = replace(training, network=calibrated.network)
    model_digest = _write_training(lesson, training, calibrated, files, model_files)
    sender.log({**_summarize(training), "temperature": calibrated.temperature})
    return Learned(training, model_digest)


def _learn(lesson: Lesson, sender: "MetricSender", checkpoints: "Checkpoints") -> "Training":
    """Train the network; print and log the metrics of each epoch at its end."""
    from pawprint.base.cache import cache_folder
    from pawprint.training.features import FeatureStore
    from pawprint.training.head import train_pretrained
    from pawprint.training.loop import train_network

    def report_epoch(epoch: int, metrics: dict[str, float], *, timestamp_ms: int) -> None:
        sender.log_epoch(metrics, timestamp_ms)
        click.echo(f"epoch {epoch:>3}/{lesson.count_epochs(epoch)}  {_format_metrics(metrics)}")

    learn: Callable[..., Training] = train_network
    if lesson.task.recipe.frozen:
        # The last layer of a pretrained network learns from features that are computed once.
        features = FeatureStore(cache_folder() / "features", lesson.data.digest)
        learn = partial(train_pretrained, features=features, finetuning=lesson.finetuning)
    return learn(lesson.task, checkpoints=checkpoints, on_epoch=report_epoch)


def _format_metrics(metrics: Mapping[str, float]) -> str:
    return "  ".join(
        f"{name} {value:.4f}" for name, value in metrics.items() if name.startswith(("train_", "validation_"))
    )


def _describe_finetuning(lesson: Lesson, training: "Training") -> str:
    """Return in a sentence whether fine-tuning helped, or why there was none; "" if nothing can be said of it."""
    from pawprint.training.finetuning import AUTO_EPOCHS, count_mistakes

    if lesson.finetuning is None or lesson.task.validation is None:
        return ""
    alone, tuned = training.history[: lesson.task.epochs], training.history[lesson.task.epochs :]
    if not tuned:
        mistakes = count_mistakes(training.history[training.best_epoch - 1], lesson.task)
        photos = len(lesson.task.validation.labels)
        return (
            f"Only the last layer learned: it gets {mistakes} of {photos} validation photos wrong, too few to tell "
            f"whether fine-tuning would help; finetune={AUTO_EPOCHS} fine-tunes all the same."
        )
    losses = [min(entry["validation_loss"] for entry in phase) for phase in (alone, tuned)]
    taken = "the fine-tuned network" if training.best_epoch > lesson.task.epochs else "the last layer alone"
    return (
        f"On the validation photos the last layer alone reached a loss of {losses[0]:.4f}, fine-tuning "
        f"{losses[1]:.4f}: {taken} was taken."
    )


def _write_training(lesson: Lesson, training: "Training", calibrated: "Calibrated", files: Path, model: Path) -> str:
    """Write the history, the curves and the model's files; return the model's digest."""
    from pawprint.tracking.model_files import write_model_files
    from pawprint.training.curves import write_curves
    from pawprint.training.history import write_history

    write_history(training.history, files / "history.csv")
    write_curves(training.history, training.best_epoch, files / "curves.png")
    data = lesson.data
    return write_model_files(
        training.network,
        model,
        class_names=data.class_names,
        image_size=data.image_size,
        architecture=lesson.task.architecture,
        dataset_digest=data.digest,
        decoding=data.decoding,
        temperature=calibrated.temperature,
        sets=calibrated.sets,
    )


def _summarize(training: "Training") -> dict[str, float]:
    """Return the metrics of the whole training, without speeds that could not be measured."""
    from pawprint.training.devices import matrix_product_rate

    metrics: dict[str, float] = {"best_epoch": training.best_epoch}
    if training.images_per_second:
        metrics["images_per_second"] = training.images_per_second
    if training.flops_per_second:
        metrics["flops_utilization"] = training.flops_per_second / matrix_product_rate()
    return metrics


def _write_exports(lesson: Lesson, learned: Learned, results: Path, export: str) -> str:
    """Export the network, compare each export with it on validation or training photos, and return a Markdown list."""
    from pawprint.serving.agreement import ask_network
    from pawprint.serving.exports import export_network
    from pawprint.serving.formats import list_formats
    from pawprint.tracking.deliveries import EXPORT

    formats, data = list_formats(export), lesson.data
    if not formats:
        return ""
    folder = results / EXPORT
    folder.mkdir(exist_ok=True)
    facts = {
        "class_names": list(data.class_names),
        "image_size": data.image_size,
        "architecture": lesson.task.architecture,
        "model_digest": learned.model_digest,
        "dataset_digest": data.digest,
        "decoding": data.decoding.describe(),
    }
    photos = lesson.task.validation or lesson.task.train
    reference = ask_network(learned.training.network, photos.images, photos.labels, data.image_size)
    summary = export_network(reference, folder, formats=formats, calibration=lesson.task.train.images, facts=facts)
    click.echo("\n".join(summary))
    return "\n".join(f"- {line}" for line in summary)


def _log_training(
    lesson: Lesson,
    learned: Learned,
    run: "Run",
    sender: "MetricSender",
    results: Path,
    key: str | None,
    *,
    notes: tuple[str, str],
) -> "LoggedPhotoModel":
    """Log the training, now or when the server is reachable again.

    Args:
        lesson: dataset and parameters.
        learned: result of the training.
        run: run of this step.
        sender: sender of the run's metrics.
        results: folder with the files.
        key: key of the training; None if no other run may copy it.
        notes: link to the dataset, and summary of the exports.
    """
    from pawprint.tracking.deliveries import MODEL, FinishedTraining, log_training
    from pawprint.tracking.descriptions import code

    data, training, earlier = lesson.data, learned.training, learned.learned_in
    dataset_link, exported = notes
    best = training.history[training.best_epoch - 1]
    finished = FinishedTraining(
        run_id=run.info.run_id,
        parameters=lesson.parameters,
        tags={
            "model_digest": learned.model_digest,
            "dataset_digest": data.digest,
            "photos_sha256": data.photos_sha256,
            "training_key": key,
            "precision": training.precision,
            "learned_in": earlier,
        },
        description=(
            f"Not trained again: run {code(earlier)} had learned the same." if earlier else "",
            f"{code(lesson.task.architecture)} learned {dataset_link} ({len(lesson.task.train.labels)} photos of "
            f"{code(data.source)}).",
            _describe_finetuning(lesson, training),
            f"Epoch {training.best_epoch} of {len(training.history)} was taken: "
            + ", ".join(f"{name} {best[name]:.4f}" for name in best if name.endswith(("_loss", "_accuracy"))),
            _describe_calibration(results / MODEL),
            exported,
        ),
    )
    return log_training(sender, results, finished)


def _describe_calibration(model: Path) -> str:
    """Return a line about the temperature and the prediction sets of the model whose files are in a folder."""
    from pawprint.models.prediction_sets import read_sets
    from pawprint.tracking.model_files import read_model_files

    description = read_model_files(model, uri=str(model))
    return f"Temperature {description['temperature']:.4g}; {read_sets(description).explain()}."


if __name__ == "__main__":
    run_command(train)
