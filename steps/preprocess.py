"""Makes a dataset of the photos: chooses, decodes, splits.

Reads   photos/ of download, and of another for `more`.
Writes  the artifact dataset/: pixel shards, index.csv, dataset.json,
        quarantine.csv, preview.png, near_duplicates.csv and, if there are
        any, near_duplicates.png; corrections.csv, where labels were corrected.
Run it  mlflow run . --env-manager uv -e preprocess -P photos=runs:/<run id>/photos
"""

import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from pawprint.console.console import run_command
from pawprint.console.parameters import PreprocessParameters, by_name
from pawprint.console.step import step
from pawprint.models.architectures import recipe_for

PHOTOS = "runs:/<run id of download>/photos"


@step(PreprocessParameters)
def preprocess(given: PreprocessParameters) -> None:
    """Make a dataset of the photos: choose, decode, split."""
    from pawprint.base.space import check_space
    from pawprint.dataset.additions import check_more
    from pawprint.dataset.shards import pixel_bytes
    from pawprint.dataset.writer import write_dataset
    from pawprint.labels.summary import format_counts
    from pawprint.photos.collection import load_photos
    from pawprint.tracking.artifacts import open_artifact
    from pawprint.tracking.corrections import load_corrections, tag_corrections
    from pawprint.tracking.datasets import log_splits
    from pawprint.tracking.descriptions import code, describe_run, format_count_table, link
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.runs import artifact_folder, start_step
    from pawprint.tracking.tags import set_tags

    # main resolves `auto` for its architecture; if this step runs alone, it uses the defaults of cnn.
    wanted = given.preprocessing
    measured = recipe_for("cnn").resolve(image_size=wanted.image_size, validation_fraction=wanted.validation_fraction)
    used = {**by_name(wanted), **measured, "seed": given.seed}
    check_more(wanted.more, wanted.corrections, group=wanted.group, split_by_time=wanted.split_by_time)
    with (
        start_step() as run,
        tempfile.TemporaryDirectory(prefix="pawprint-") as scratch,
        open_artifact(given.photos, expected=PHOTOS) as photos_folder,
        open_artifact(wanted.more, expected=PHOTOS) if wanted.more else nullcontext() as more_folder,
    ):
        folder = Path(scratch) / "dataset"
        collection = load_photos(photos_folder)
        used["more"] = load_photos(more_folder, labelled=False) if more_folder else None
        used["corrections"] = load_corrections(wanted.corrections)
        found = len(collection.photos)
        taken = min(found, (wanted.train_images or found) + (wanted.test_images or found))
        taken += min(len(used["corrections"]), len(used["more"].photos)) if used["more"] else 0
        pixels = pixel_bytes(taken, used["image_size"])
        # The scratch folder holds the pixels twice: in the order of decoding, and in the shards.
        check_space("the dataset", {folder: 2 * pixels} | dict.fromkeys(artifact_folder(run), pixels))
        description = write_dataset(collection, folder, **used)
        log_folder(folder, "dataset")
        set_tags(
            dataset_digest=description["digest"],
            photos_sha256=description["photos_sha256"],
            photos=given.photos,
            more=wanted.more or None,
            more_sha256=description.get("more_sha256"),
            corrections=tag_corrections(description, run.info.run_id),
        )
        log_splits(
            photos=given.photos,
            source=description["source"],
            digest=description["digest"],
            image_size=description["image_size"],
            counts=description["counts"],
        )
        given_photos = [uri for uri in (given.photos, wanted.more) if uri]
        describe_run(
            f"{link(f'runs:/{run.info.run_id}/dataset')} of {' and '.join(map(link, given_photos))} from "
            f"{code(description['source'])}, squares of {description['image_size']} px.",
            f"digest {code(description['digest'])}",
            format_count_table(description["counts"]),
            *description["notes"],
        )
    for line in format_counts(description["counts"]):
        click.echo(line)
    for line in description["notes"]:
        click.echo(line)


if __name__ == "__main__":
    run_command(preprocess)
