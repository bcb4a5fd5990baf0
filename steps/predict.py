r"""Labels photos with a trained model.

Reads   a source of photos, which need no classes, and a model.
Writes  the artifact predictions/: predictions.csv, predictions.parquet, contact-sheet.html.
Run it  mlflow run . --env-manager uv -e predict \
            -P model=models:/pets@champion -P source=/path/to/photos
        python -m steps.predict --model models:/<model id> photo.jpg …
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import click

from pawprint.base.errors import UserError
from pawprint.console import options
from pawprint.console.console import import_tensorflow_quietly, run_command
from pawprint.console.help import step_command


class UnlessPaths(click.Option):
    """An option that is required unless photos are named one by one."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Returns the value, or None where there is none and none is needed."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            if ctx.params.get("paths"):
                return None
            raise click.UsageError("no photos are named; give --source, or photos one by one") from None


@step_command()
@options.photos_to_label(cls=UnlessPaths)
@options.model
@click.argument("paths", nargs=-1, is_eager=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def predict(source: str | None, model: str, paths: tuple[Path, ...]) -> None:
    """Label photos: all of a source in a run of its own, or a few, named as PATHS, without one, in the terminal."""
    if source is not None and paths:
        raise click.UsageError("give --source, or photos one by one, not both")
    import_tensorflow_quietly()
    if source is None:
        show_answers(model, paths)
    else:
        predict_source(source, model)


def predict_source(source: str, model: str) -> None:
    """Label all photos of a source, tracked."""
    import mlflow

    from pawprint.archives.left_out import format_left_out
    from pawprint.labels.summary import format_counts
    from pawprint.models.prediction import compile_network
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos, find_tracked
    from pawprint.serving.contact_sheet import write_contact_sheet
    from pawprint.serving.predictions import count_left_out, predict_photos
    from pawprint.tracking.artifacts import open_photos
    from pawprint.tracking.datasets import log_prediction_inputs
    from pawprint.tracking.descriptions import code, describe_run, link, tell_counts
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.models import open_photo_model
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags

    with (
        start_step() as run,
        open_photos() as resolve_uri,
        tempfile.TemporaryDirectory(prefix="pawprint-") as scratch,
        open_photo_model(model) as photo_model,
    ):
        # Photos that a run tracks already are named, not logged again. Others are kept by reference: a stranger's ten
        # thousand photos are not to be copied into the store because somebody asked what they show.
        photos = find_tracked(source)
        if photos is None:
            photos_folder = Path(scratch) / "photos"
            fetch_photos(source, photos_folder, keep_photos="reference", resolve_uri=resolve_uri, labelled=False)
            log_folder(photos_folder, "photos")
            photos = f"runs:/{run.info.run_id}/photos"
        else:
            photos_folder = resolve_uri(photos)
        collection = load_photos(photos_folder, labelled=False)
        manifest = collection.manifest
        folder = Path(scratch) / "predictions"
        folder.mkdir()
        answer = compile_network(photo_model.network, photo_model.image_size)
        started = time.perf_counter()
        outcome = predict_photos(
            collection,
            answer,
            class_names=photo_model.class_names,
            image_size=photo_model.image_size,
            folder=folder,
            decoding=photo_model.decoding,
        )
        rate = len(collection.photos) / (time.perf_counter() - started)
        left_out = count_left_out(manifest)
        lost = format_left_out(left_out, left_out.names)
        write_contact_sheet(
            outcome,
            collection,
            folder / "contact-sheet.html",
            class_names=photo_model.class_names,
            model=f"models:/{photo_model.model_id}",
            source=manifest.source,
            left_out=lost,
            decoding=photo_model.decoding,
        )
        log_folder(folder, "predictions")
        log_prediction_inputs(
            photos=photos,
            source=manifest.source,
            digest=manifest.sha256,
            count=len(collection.photos),
            model_id=photo_model.model_id,
        )
        mlflow.log_metrics(
            {
                "num_photos": len(collection.photos),
                "num_unreadable": outcome.num_unreadable,
                "num_left_out": left_out.total(),
                "images_per_second": rate,
            }
        )
        set_tags(
            source=manifest.source,
            source_fallback=manifest.explain_fallback(),
            photos=photos,
            photos_sha256=manifest.sha256,
            model=f"models:/{photo_model.model_id}",
            model_digest=photo_model.digest,
        )
        counts = {name: outcome.counts[number] for number, name in enumerate(photo_model.class_names)}
        unreadable = f"{outcome.num_unreadable} can't be read" if outcome.num_unreadable else ""
        describe_run(
            f"{link(f'models:/{photo_model.model_id}')} on {len(collection.photos)} photos of {link(photos)} from "
            f"{code(manifest.source)}: {link(f'runs:/{run.info.run_id}/predictions/contact-sheet.html')}, "
            f"{link(f'runs:/{run.info.run_id}/predictions/predictions.csv')}.",
            tell_counts({"predicted": counts}),
            unreadable,
            *(f"not labelled: {code(line)}" for line in lost),
        )
        if outcome.num_unreadable == len(collection.photos):
            raise UserError(
                f"none of the {len(collection.photos)} photos could be read; predictions/predictions.csv of run "
                f"{run.info.run_id} says why, one by one"
            )
    click.echo("\n".join(format_counts({"predicted": counts})))
    if unreadable:
        click.echo(f"{unreadable}: predictions.csv says why")
    for line in lost:
        click.echo(f"not labelled: {line}")
    click.echo(f"runs:/{run.info.run_id}/predictions: contact-sheet.html, predictions.csv, predictions.parquet")


def show_answers(model: str, paths: tuple[Path, ...]) -> None:
    """Label a few photos in the terminal, without a run."""
    import numpy as np

    from pawprint.dataset.decode import UnreadablePhoto, decode_photo
    from pawprint.models.prediction import compile_network
    from pawprint.tracking.models import open_photo_model

    with open_photo_model(model) as photo_model:
        answer = compile_network(photo_model.network, photo_model.image_size)
        width = max(len(str(path)) for path in paths)
        num_answered = 0
        for path in paths:
            try:
                pixels = decode_photo(path.read_bytes(), photo_model.image_size, photo_model.decoding)
            except UnreadablePhoto as reason:
                click.echo(f"{path!s:<{width}}  -  {reason}")
                continue
            num_answered += 1
            probabilities = answer(pixels[None])[0]
            told = [f"{photo_model.class_names[at]} {probabilities[at]:.3f}" for at in np.argsort(-probabilities)[:3]]
            click.echo(f"{path!s:<{width}}  {'  '.join(told)}")
    if not num_answered:
        raise UserError("no photo could be read")


if __name__ == "__main__":
    run_command(predict)
