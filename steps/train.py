"""Trains a network on a dataset.

Reads   dataset/ of preprocess, its train and validation photos.
Writes  a LoggedModel that takes photos, history.csv, curves.png; loss and
        accuracy by epoch, as they come; on request the artifact export/:
        the network in other formats.
Run it  mlflow run . --env-manager uv -e train -P dataset=runs:/<run id>/dataset
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.parameters import Learning, TrainParameters, by_name
from pawprint.console.step import step
from pawprint.models.adjustment import adjust_recipe, check_finetune, resolve_adjustments
from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Recipe

if TYPE_CHECKING:
    from mlflow.entities import Run

    from pawprint.dataset.reader import Dataset
    from pawprint.models.kind import Kind
    from pawprint.pipeline.resuming import Start
    from pawprint.pipeline.weights import OpenWeights
    from pawprint.tracking.metrics import MetricSender
    from pawprint.tracking.models import LoggedPhotoModel
    from pawprint.training.calibration import Calibrated
    from pawprint.training.checkpoints import Checkpoints
    from pawprint.training.epochs import Training
    from pawprint.training.lesson import Lesson

MODEL_ROOM = 128 * 2**20
"""Free space in bytes that a training requires: several times the files of our largest network (not `keras:…`)."""


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
    from pawprint.models.costs import build_cost_matrix
    from pawprint.pipeline.resuming import find_start
    from pawprint.pipeline.weights import describe_weights, open_weights
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
        open_weights(given.weights, architecture=given.learning.architecture) as weights,
    ):
        check_space("a training", dict.fromkeys((results, *artifact_folder(run)), MODEL_ROOM))
        data = load_dataset(dataset_folder, ("train", "validation"))
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
        lesson = _plan_lesson(given, data, recipe, adjusted, weights, results)
        _warn(lesson)
        digest = weights.about.digest if weights else None
        start = find_start(run, lesson.parameters, data.digest, export=given.export, weights_digest=digest)
        costs = build_cost_matrix(given.cost, data.class_names).tolist() if given.cost else None
        learned = _take_or_learn(lesson, start, sender, checkpoints, results, costs)
        exported = _write_exports(lesson, learned, results, given.export)
        tags = {"training_key": start.key, **describe_weights(weights.about if weights else None)}
        model = _log_training(lesson, learned, run, sender, results, tags, notes=(dataset_link, exported))
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
    given: TrainParameters,
    data: "Dataset",
    recipe: Recipe,
    adjusted: dict[str, Any],
    weights: "OpenWeights | None",
    results: Path,
) -> "Lesson":
    """Return what is trained and how, and say what was decided."""
    from pawprint.base.cache import cache_folder
    from pawprint.pipeline.resuming import training_key
    from pawprint.training.lesson import fit_lesson, plan_lesson
    from pawprint.training.weights import begin_with

    settings = by_name(given.learning)
    minutes = settings.pop("minutes")
    for name in by_name(given.learning.adjustments):
        del settings[name]
    begin = None
    if weights:
        begin = partial(
            begin_with,
            path=weights.path,
            target=results / "start.weights.h5",
            name=weights.about.uri,
            class_names=weights.class_names,
        )
    lesson = plan_lesson(data, recipe, **settings, seed=given.seed, begin=begin)
    lesson = replace(lesson, parameters={**lesson.parameters, **adjusted})
    said = list(lesson.notes)
    if minutes:
        asked = {name: value for name, value in lesson.parameters.items() if name != "seed"}  # repeats learn alike
        key = training_key(asked | {"within": minutes}, data.digest)
        lesson, fit = fit_lesson(lesson, minutes, kept=cache_folder() / "timings" / f"{key}.json")
        said.append(fit)
    for line in said:
        click.echo(line)
    return lesson


def _warn(lesson: "Lesson") -> None:
    """Print warnings about an unused GPU and too few photos."""
    from pawprint.training.devices import unused_gpu
    from pawprint.training.few_photos import few_photos

    for warning in filter(
        None, (unused_gpu(), few_photos(lesson.task.train.labels, lesson.data.class_names, lesson.task.recipe))
    ):
        click.echo(f"warning: {warning}", err=True)


def _take_or_learn(
    lesson: "Lesson",
    start: "Start",
    sender: "MetricSender",
    checkpoints: "Checkpoints",
    results: Path,
    costs: list[list[float]] | None,
) -> Learned:
    """Copy the training of an earlier run with the same key, or train; write the files to the folder of results."""
    from pawprint.base.cache import cache_folder
    from pawprint.models.decision import read_decision
    from pawprint.models.prediction import load_network
    from pawprint.pipeline.earlier_training import take_training
    from pawprint.tracking.deliveries import FILES, MODEL
    from pawprint.tracking.model_files import read_model_files, write_decision
    from pawprint.training.calibration import calibrate, decide_anew
    from pawprint.training.epochs import Training
    from pawprint.training.kind import describe_photos
    from pawprint.training.summary import describe_finetuning, summarize
    from pawprint.training.unlikeness import learn_unlikeness

    files, model_files = results / FILES, results / MODEL
    # A training that is copied needs no checkpoints.
    checkpoints.open(cache_folder() / "checkpoints", None if start.learned else start.key, anew=start.anew)
    earlier = start.learned and take_training(start.learned, sender, files=files, model=model_files)
    if earlier:
        click.echo(f"run {earlier.run_id} has learned the same: its model is taken, and nothing is trained again")
        network, digest = load_network(model_files / "network.keras"), earlier.model_digest
        decision = read_decision(read_model_files(model_files, uri=str(model_files)))
        if decision and lesson.task.validation and decision.costs != costs:
            decided = decide_anew(network, lesson.task.validation, image_size=lesson.task.image_size, costs=costs)
            digest = write_decision(model_files, decided)
        training = Training(network, earlier.history, earlier.best_epoch, earlier=earlier.earlier)
        return Learned(training, digest, earlier.run_id)
    if start.learned:
        checkpoints.open(cache_folder() / "checkpoints", start.key)
    training = _learn(lesson, sender, checkpoints)
    if said := describe_finetuning(lesson.task, lesson.finetuning, training):
        click.echo(said)
    # First what needs the network as it was built, then what takes it as it is.
    network, answers = learn_unlikeness(training.network, lesson.task)
    calibrated = calibrate(network, lesson.task.validation, answers, costs=costs)
    training = replace(training, network=calibrated.network)
    model_digest = _write_training(
        lesson, training, calibrated, describe_photos(lesson.task, answers), files, model_files
    )
    sender.log({**summarize(training), "temperature": calibrated.temperature})
    return Learned(training, model_digest)


def _learn(lesson: "Lesson", sender: "MetricSender", checkpoints: "Checkpoints") -> "Training":
    """Train the network; print and log the metrics of each epoch at its end."""
    from pawprint.base.cache import cache_folder
    from pawprint.training.lesson import learn
    from pawprint.training.summary import format_metrics

    def report_epoch(epoch: int, metrics: dict[str, float], *, timestamp_ms: int) -> None:
        sender.log_epoch(metrics, timestamp_ms)
        click.echo(f"epoch {epoch:>3}/{lesson.count_epochs(epoch)}  {format_metrics(metrics)}")

    return learn(lesson, features=cache_folder() / "features", checkpoints=checkpoints, on_epoch=report_epoch)


def _write_training(
    lesson: "Lesson", training: "Training", calibrated: "Calibrated", photos: "Kind", files: Path, model: Path
) -> str:
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
        decision=calibrated.decision,
        photos=photos,
    )


def _write_exports(lesson: "Lesson", learned: Learned, results: Path, export: str) -> str:
    """Export the network, compare each export with it on validation or training photos, and return a Markdown list."""
    from pawprint.models.decision import read_decision
    from pawprint.serving.agreement import ask_network
    from pawprint.serving.exports import export_network
    from pawprint.serving.formats import list_formats
    from pawprint.tracking.deliveries import EXPORT, MODEL
    from pawprint.tracking.model_files import read_model_files

    formats, data = list_formats(export), lesson.data
    if not formats:
        return ""
    folder = results / EXPORT
    folder.mkdir(exist_ok=True)
    decision = read_decision(read_model_files(results / MODEL, uri=str(results / MODEL)))
    facts = {
        "class_names": list(data.class_names),
        "image_size": data.image_size,
        "architecture": lesson.task.architecture,
        "model_digest": learned.model_digest,
        "dataset_digest": data.digest,
        "decoding": data.decoding.describe(),
        **({"decision": decision.describe()} if decision else {}),
    }
    photos = lesson.task.validation or lesson.task.train
    reference = ask_network(learned.training.network, photos.images, photos.labels, data.image_size)
    summary = export_network(reference, folder, formats=formats, calibration=lesson.task.train.images, facts=facts)
    click.echo("\n".join(summary))
    return "\n".join(f"- {line}" for line in summary)


def _log_training(
    lesson: "Lesson",
    learned: Learned,
    run: "Run",
    sender: "MetricSender",
    results: Path,
    tags: dict[str, str | None],
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
        tags: more tags; without a `training_key` no other run may copy the training.
        notes: link to the dataset, and summary of the exports.
    """
    from pawprint.tracking.deliveries import MODEL, FinishedTraining, log_training
    from pawprint.tracking.descriptions import code
    from pawprint.training.summary import describe_finetuning

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
            **tags,
            "precision": training.precision,
            "learned_in": earlier,
            "used": lesson.count_used(training),
        },
        description=(
            f"Not trained again: run {code(earlier)} had learned the same." if earlier else "",
            f"{code(lesson.task.architecture)} learned {dataset_link} ({len(lesson.task.train.labels)} photos of "
            f"{code(data.source)}).",
            describe_finetuning(lesson.task, lesson.finetuning, training),
            f"Epoch {training.best_epoch} of {len(training.history)} was taken: "
            + ", ".join(f"{name} {best[name]:.4f}" for name in best if name.endswith(("_loss", "_accuracy"))),
            *lesson.notes,
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
