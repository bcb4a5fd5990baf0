r"""Scores a model on the test photos, which have chosen nothing before.

Reads   dataset/ of preprocess, its test photos, and a model.
Writes  the artifact evaluation/: metrics.json, predictions.csv (with many
        photos and classes predictions.parquet holds what it said), classes.csv
        and confused_pairs.csv, the plots, suspicious_labels.csv (labels that
        models that have not learned them doubt),
        prediction_sets.csv (whether the sets of labels keep their promise),
        slices.csv and robustness.csv (where it is weak), and
        explanations.png (what it looked at); the test metrics with intervals.
Run it  mlflow run . --env-manager uv -e evaluate \
            -P dataset=runs:/<run id>/dataset -P model=models:/<model id>
"""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.base.words import name_some
from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.parameters import EvaluateParameters
from pawprint.console.step import step

if TYPE_CHECKING:
    from pawprint.dataset.reader import Dataset, Split
    from pawprint.evaluation.doubts import Predictions
    from pawprint.models.prediction import Compiled
    from pawprint.tracking.models import OpenPhotoModel


@step(EvaluateParameters)
def evaluate(given: EvaluateParameters) -> None:
    """Score a model on the test photos."""
    import_tensorflow_quietly()

    from pawprint.dataset.reader import load_dataset
    from pawprint.evaluation.costs import describe_costs
    from pawprint.evaluation.results import evaluate_predictions
    from pawprint.evaluation.selective import describe_selection
    from pawprint.evaluation.set_coverage import describe_set_coverage
    from pawprint.evaluation.weaknesses import write_weaknesses
    from pawprint.models.costs import build_cost_matrix
    from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
    from pawprint.models.prediction import collect_outputs, compile_network
    from pawprint.tracking.artifacts import open_artifact
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.models import open_photo_model
    from pawprint.tracking.runs import start_step

    with (
        start_step(),
        tempfile.TemporaryDirectory(prefix="pawprint-") as scratch,
        open_artifact(given.dataset, expected="runs:/<run id of preprocess>/dataset") as dataset_folder,
        open_photo_model(given.model) as photo_model,
    ):
        data = load_dataset(dataset_folder, ("test", "validation"))
        test = data.split("test")
        if test is None:
            raise UserError("this dataset has no test photos; run preprocess again with test_images above 0")
        _check_dataset(data, photo_model)
        build_cost_matrix(given.cost, data.class_names)  # a misspelt class is told before the work
        folder = Path(scratch) / "evaluation"
        size = photo_model.image_size
        answer = compile_network(photo_model.network, size)
        outputs = collect_outputs(answer.outputs, test.images, size)
        answers = outputs[PROBABILITIES]
        metrics = evaluate_predictions(
            labels=test.labels,
            probabilities=answers,
            class_names=data.class_names,
            members=test.members,
            images=test.images,
            folder=folder,
            validation=_ask_held_out(photo_model, answer, data),
            training=_judge_training(photo_model, data, dataset_folder),
            sets=photo_model.sets,
            decision=photo_model.decision,
            cost=given.cost,
            unlikeness=outputs.get(UNLIKENESS),
        )
        document = json.loads((folder / "metrics.json").read_text("utf-8"))
        decisions = list(
            filter(None, (describe_set_coverage(metrics), describe_selection(document), describe_costs(document)))
        )
        weaknesses = write_weaknesses(photo_model.network, answer, size, test, answers, data.class_names, folder)
        click.echo("\n".join([*decisions, weaknesses]))
        exported = _check_exports(photo_model, test, folder)
        log_folder(folder, "evaluation")
        notes = (*decisions, weaknesses, exported)
        _log_judgement(photo_model, data, given.dataset, metrics, num_photos=len(test), notes=notes)
    for name in ("test_accuracy", "test_f1", "test_roc_auc"):
        if name not in metrics:  # undefined for these photos, for example ROC AUC with a single class
            continue
        interval = f"{metrics[f'{name}_low']:.3f} to {metrics[f'{name}_high']:.3f}"
        click.echo(f"{name}: {metrics[name]:.4f} (95 % interval {interval})")


def _check_dataset(data: "Dataset", photo_model: "OpenPhotoModel") -> None:
    """Raise an error if the classes differ; print a note if size or decoding of the photos differ from training."""
    if photo_model.class_names != data.class_names:
        raise UserError(
            f"the model knows {name_some(photo_model.class_names)}, the dataset holds "
            f"{name_some(data.class_names)}; "
            "give a dataset of the model's classes"
        )
    if photo_model.image_size != data.image_size:
        click.echo(f"the dataset's {data.image_size} px photos are resized to the model's {photo_model.image_size} px")
    if photo_model.decoding != data.decoding:
        click.echo(
            f"note: the dataset's photos became squares by {data.decoding.describe()}, those that the "
            f"model learned from by {photo_model.decoding.describe()}; preprocess as for these to judge it fairly",
            err=True,
        )


def _ask_held_out(photo_model: "OpenPhotoModel", answer: "Compiled", data: "Dataset") -> "Predictions | None":
    """Return the predictions for the validation photos, whose labels the model has not learned.

    It is None if there are none, and for another dataset, whose labels the model may have learned.
    """
    from pawprint.evaluation.doubts import Predictions
    from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
    from pawprint.models.prediction import collect_outputs

    held_out = data.split("validation") if photo_model.dataset_digest == data.digest else None
    if held_out is None:
        return None
    outputs = collect_outputs(answer.outputs, held_out.images, photo_model.image_size)
    probabilities, unlikeness = outputs[PROBABILITIES], outputs.get(UNLIKENESS)
    return Predictions("validation", held_out.members, held_out.labels, probabilities, unlikeness)


def _judge_training(photo_model: "OpenPhotoModel", data: "Dataset", folder: Path) -> "Predictions | None":
    """Return what models that have not learned them say of the training photos; None for another dataset's, or many."""
    from pawprint.base.cache import cache_folder
    from pawprint.dataset.reader import load_dataset
    from pawprint.evaluation.second_opinion import MOST_PHOTOS, judge_training
    from pawprint.models.features import FeatureStore

    number = sum(data.counts.get("train", {}).values())
    if not 0 < number <= MOST_PHOTOS or photo_model.dataset_digest != data.digest:
        return None
    return judge_training(
        load_dataset(folder, ("train",)).splits["train"],
        num_classes=len(data.class_names),
        architecture=photo_model.architecture,
        image_size=data.image_size,
        features=FeatureStore(cache_folder() / "features", data.digest),
    )


def _check_exports(photo_model: "OpenPhotoModel", test: "Split", folder: Path) -> str:
    """Compare the model's exports with the model on the test photos, and return the result; "" without exports."""
    from pawprint.serving.agreement import ask_network
    from pawprint.serving.checks import check_exports, describe_checks
    from pawprint.tracking.exports import open_exports

    with open_exports(photo_model.model_id) as exports:
        if exports is None:
            return ""
        reference = ask_network(photo_model.network, test.images, test.labels, photo_model.image_size)
        summary = describe_checks(check_exports(reference, exports, folder))
    click.echo(summary)
    return summary


def _log_judgement(
    photo_model: "OpenPhotoModel",
    data: "Dataset",
    dataset: str,
    metrics: dict[str, float],
    *,
    num_photos: int,
    notes: tuple[str, ...],
) -> None:
    """Log metrics, description and tags to the run."""
    import mlflow

    from pawprint.tracking.datasets import find_photos, log_splits
    from pawprint.tracking.descriptions import code, describe_run, format_metrics, link
    from pawprint.tracking.tags import set_tags

    # Log the input first: metrics with a dataset would add it without a context. They add the model as an input.
    judged = log_splits(
        photos=find_photos(dataset),
        source=data.source,
        digest=data.digest,
        image_size=data.image_size,
        counts=data.counts,
        splits=("test",),
    )
    mlflow.log_metrics(metrics, model_id=photo_model.model_id, dataset=judged["test"])
    describe_run(
        f"{link(f'models:/{photo_model.model_id}')} on the {num_photos} test photos of {link(dataset)} "
        f"({code(data.source)}).",
        format_metrics(metrics),
        *notes,
    )
    set_tags(
        dataset_digest=data.digest,
        photos_sha256=data.photos_sha256,
        model_digest=photo_model.digest,
        positive_class=data.class_names[1] if len(data.class_names) == 2 else None,
    )


if __name__ == "__main__":
    run_command(evaluate)
