r"""Labels photos with a trained model.

Reads   a source of photos, which need no classes, and a model.
Writes  the artifact predictions/: predictions.csv, predictions.parquet,
        contact-sheet.html, review.html (the photos most worth a label),
        drift.png.
Run it  mlflow run . --env-manager uv -e predict \
            -P model=models:/pets@champion -P source=/path/to/photos
        python -m steps.predict --model models:/<model id> photo.jpg …
"""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pawprint.base.errors import UserError
from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.parameters import PredictParameters
from pawprint.console.step import step

if TYPE_CHECKING:
    from collections.abc import Callable

    from pawprint.evaluation.drift import Change
    from pawprint.photos.collection import PhotoCollection
    from pawprint.serving.predictions import Outcome
    from pawprint.tracking.models import OpenPhotoModel


@step(PredictParameters)
def predict(given: PredictParameters) -> None:
    """Label photos: all of a source in a run of its own, or a few, named as PATHS, without one, in the terminal."""
    if given.source is not None and given.paths:
        raise click.UsageError("give --source, or photos one by one, not both")
    import_tensorflow_quietly()
    if given.source is None:
        show_answers(given.model, given.paths)
    else:
        predict_source(given.source, given.model, fail_on_drift=bool(given.fail_on_drift))


def predict_source(source: str, model: str, *, fail_on_drift: bool) -> None:
    """Label all photos of a source in an MLflow run, and say whether they are of the kind that the model knows."""
    from pawprint.archives.left_out import format_left_out
    from pawprint.labels.summary import format_counts
    from pawprint.photos.collection import load_photos
    from pawprint.serving.predictions import count_left_out
    from pawprint.tracking.artifacts import open_photos
    from pawprint.tracking.descriptions import code, format_count_table
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.models import open_photo_model
    from pawprint.tracking.runs import start_step

    with (
        start_step() as run,
        open_photos() as resolve_uri,
        tempfile.TemporaryDirectory(prefix="pawprint-") as scratch,
        open_photo_model(model) as photo_model,
    ):
        photos, photos_folder = _take_photos(source, run.info.run_id, resolve_uri, Path(scratch) / "photos")
        collection = load_photos(photos_folder, labelled=False)
        left_out = count_left_out(collection.manifest)
        lost = format_left_out(left_out, left_out.names)
        folder = Path(scratch) / "predictions"
        outcome, rate = _label_photos(photo_model, collection, folder, lost)
        _ask_for_labels(photo_model, outcome, collection, folder, run_id=run.info.run_id, photos=photos)
        changes, compared = _compare_photos(photo_model, outcome, folder)
        drifted = [change.what for change in changes if change.counts]
        log_folder(folder, "predictions")
        counts = {name: outcome.counts[number] for number, name in enumerate(photo_model.class_names)}
        unreadable = f"{outcome.num_unreadable} can't be read" if outcome.num_unreadable else ""
        unlike = outcome.unlike.total()
        strange = f"{unlike} {'is' if unlike == 1 else 'are'} unlike anything the model learned from" if unlike else ""
        asked = f"{outcome.num_asked} of {len(collection.photos)} are left to a person" if outcome.num_asked else ""
        _log_predictions(
            photo_model,
            collection,
            photos,
            {
                "num_photos": len(collection.photos),
                "num_unreadable": outcome.num_unreadable,
                "num_unlike": unlike,
                "num_asked": outcome.num_asked,
                "num_left_out": left_out.total(),
                "images_per_second": rate,
                **{f"drift_{change.what}": change.size for change in changes},
            },
            notes=(
                "\n".join(f"- {line}" for line in compared),
                format_count_table({"predicted": counts}),
                asked,
                strange,
                unreadable,
                *(f"not labelled: {code(line)}" for line in lost),
            ),
        )
        if outcome.num_unreadable == len(collection.photos):
            raise UserError(
                f"none of the {len(collection.photos)} photos could be read; predictions/predictions.csv of run "
                f"{run.info.run_id} says why, one by one"
            )
        if drifted and fail_on_drift:
            raise UserError(f"{compared[0]} {'; '.join(compared[1:])} (fail_on_drift=true; all is written)")
    click.echo("\n".join(format_counts({"predicted": counts})))
    click.echo("\n".join(compared))
    if asked:
        click.echo(f"{asked}: decision in predictions.csv")
    if strange:
        click.echo(f"{strange}: unlike_training in predictions.csv")
    if unreadable:
        click.echo(f"{unreadable}: predictions.csv says why")
    for line in lost:
        click.echo(f"not labelled: {line}")
    names = ("contact-sheet.html", "review.html", "predictions.csv", "predictions.parquet")
    click.echo(f"runs:/{run.info.run_id}/predictions: {', '.join(names)}")


def _take_photos(source: str, run_id: str, resolve_uri: "Callable[[str], Path]", folder: Path) -> tuple[str, Path]:
    """Return the URI of the source's photos and their folder.

    Photos that a run has already logged are not logged again. Others are logged by reference, because labelling photos
    should not copy ten thousand of them to the store.
    """
    from pawprint.photos.sources import fetch_photos, find_tracked
    from pawprint.tracking.digests import log_folder

    tracked = find_tracked(source)
    if tracked is not None:
        return tracked, resolve_uri(tracked)
    fetch_photos(source, folder, keep_photos="reference", resolve_uri=resolve_uri, labelled=False)
    log_folder(folder, "photos")
    return f"runs:/{run_id}/photos", folder


def _label_photos(
    photo_model: "OpenPhotoModel", collection: "PhotoCollection", folder: Path, lost: list[str]
) -> "tuple[Outcome, float]":
    """Write the tables and the contact sheet; return the predictions and the photos per second."""
    from pawprint.models.prediction import compile_network
    from pawprint.models.unlikeness import add_features
    from pawprint.serving.contact_sheet import write_contact_sheet
    from pawprint.serving.predictions import predict_photos

    folder.mkdir()
    answer = compile_network(add_features(photo_model.network), photo_model.image_size).outputs
    started = time.perf_counter()
    outcome = predict_photos(
        collection,
        answer,
        class_names=photo_model.class_names,
        image_size=photo_model.image_size,
        folder=folder,
        decoding=photo_model.decoding,
        sets=photo_model.sets,
        decision=photo_model.decision,
    )
    rate = len(collection.photos) / (time.perf_counter() - started)
    write_contact_sheet(
        outcome,
        collection,
        folder / "contact-sheet.html",
        class_names=photo_model.class_names,
        model=f"models:/{photo_model.model_id}",
        source=collection.manifest.source,
        left_out=lost,
        decoding=photo_model.decoding,
    )
    return outcome, rate


def _ask_for_labels(
    photo_model: "OpenPhotoModel",
    outcome: "Outcome",
    collection: "PhotoCollection",
    folder: Path,
    *,
    run_id: str,
    photos: str,
) -> None:
    """Write review.html, if any photo could be read."""
    from pawprint.report.labelling_page import build_labelling_page

    if chosen := outcome.shortlist.choose():
        names, decoding = photo_model.class_names, photo_model.decoding
        page = build_labelling_page(run_id, chosen, collection, photos=photos, class_names=names, decoding=decoding)
        (folder / "review.html").write_text(page, "utf-8")


def _compare_photos(
    photo_model: "OpenPhotoModel", outcome: "Outcome", folder: Path
) -> "tuple[list[Change], list[str]]":
    """Compare the photos with those that the model learned from: draw drift.png, tag the run, and return lines."""
    import numpy as np

    from pawprint.evaluation.drift import find_changes, summarize_changes
    from pawprint.evaluation.drift_plots import draw_drift
    from pawprint.models.kind import Kind
    from pawprint.tracking.tags import set_tags

    known, names = photo_model.photos, photo_model.class_names
    if known is None:
        return [], ["The model does not tell what its photos were like: an earlier version logged it."]
    predicted = np.array([outcome.counts[number] for number in range(len(names))])
    new = Kind(outcome.traits, predicted, outcome.unlike.total())
    changes = find_changes(known, new, names)
    if changes:
        set_tags(drift=", ".join(change.what for change in changes if change.counts) or "none")
        draw_drift(changes, known, new, names, folder / "drift.png")
    return changes, summarize_changes(changes)


def _log_predictions(
    photo_model: "OpenPhotoModel",
    collection: "PhotoCollection",
    photos: str,
    metrics: dict[str, Any],
    *,
    notes: tuple[str, ...],
) -> None:
    """Log inputs, metrics, tags and description to the run."""
    import mlflow

    from pawprint.tracking.active import active_run
    from pawprint.tracking.datasets import log_prediction_inputs
    from pawprint.tracking.descriptions import code, describe_run, link
    from pawprint.tracking.tags import set_tags

    manifest, model = collection.manifest, f"models:/{photo_model.model_id}"
    log_prediction_inputs(
        photos=photos,
        source=manifest.source,
        digest=manifest.sha256,
        count=len(collection.photos),
        model_id=photo_model.model_id,
    )
    mlflow.log_metrics(metrics)
    set_tags(
        source=manifest.source,
        source_fallback=manifest.explain_fallback(),
        photos=photos,
        photos_sha256=manifest.sha256,
        model=model,
        model_digest=photo_model.digest,
    )
    predictions = f"runs:/{active_run().info.run_id}/predictions"
    describe_run(
        f"{link(model)} on {len(collection.photos)} photos of {link(photos)} from {code(manifest.source)}: "
        f"{link(f'{predictions}/contact-sheet.html')}, {link(f'{predictions}/predictions.csv')}, and "
        f"{link(f'{predictions}/review.html')} to label those most worth it.",
        *notes,
    )


def show_answers(model: str, paths: tuple[Path, ...]) -> None:
    """Label a few photos in the terminal, without a run."""
    import numpy as np

    from pawprint.dataset.decode import UnreadablePhoto, decode_photo
    from pawprint.models.decision import ASK
    from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
    from pawprint.models.prediction import compile_network
    from pawprint.tracking.models import open_photo_model

    with open_photo_model(model) as photo_model:
        answer = compile_network(photo_model.network, photo_model.image_size).outputs
        width = max(len(str(path)) for path in paths)
        num_answered = 0
        for path in paths:
            try:
                pixels = decode_photo(path.read_bytes(), photo_model.image_size, photo_model.decoding)
            except UnreadablePhoto as reason:
                click.echo(f"{path!s:<{width}}  -  {reason}")
                continue
            num_answered += 1
            outputs = answer(pixels[None])
            probabilities = outputs[PROBABILITIES][0]
            best = [f"{photo_model.class_names[at]} {probabilities[at]:.3f}" for at in np.argsort(-probabilities)[:3]]
            if UNLIKENESS in outputs and (unlikeness := outputs[UNLIKENESS][0]) > 1:
                best.append(f"but unlike anything it learned from (unlikeness {unlikeness:.2f}, above 1)")
            if photo_model.decision and not photo_model.decision.gives(probabilities[None], outputs.get(UNLIKENESS))[0]:
                best.append(ASK)
            click.echo(f"{path!s:<{width}}  {'  '.join(best)}")
    if not num_answered:
        raise UserError("no photo could be read")


if __name__ == "__main__":
    run_command(predict)
