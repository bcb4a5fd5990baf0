"""The whole story: download, preprocess, then train and evaluate once for each repeat.

Reads   a source of photos.
Writes  four or more child runs, and on its own run the test metrics: as they are, or mean and std over repeats.
Run it  mlflow run . -P epochs=30
"""

import click

from pawprint.errors import UserError
from pawprint.models.architectures import recipe_for
from steps import options
from steps.console import run_command


@click.command()
@options.source
@options.keep_photos
@options.image_size
@options.train_images
@options.test_images
@options.validation_fraction
@options.architecture
@options.epochs
@options.batch_size
@options.learning_rate
@options.patience
@options.repeats
@options.seed
def main(
    source: str,
    keep_photos: str,
    image_size: int | None,
    train_images: int,
    test_images: int,
    validation_fraction: float | None,
    architecture: str,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    patience: int | None,
    repeats: int,
    seed: int,
) -> None:
    """Turn photos into a judged model: download, preprocess, train, evaluate."""
    import mlflow

    from pawprint.lineage.children import run_child
    from pawprint.lineage.descriptions import code, describe_run, tell_repeats, tell_steps
    from pawprint.lineage.results import Repeat, find_model, log_summary, read_repeat, summarize
    from pawprint.lineage.runs import get_tag, set_tags, start_step

    recipe = recipe_for(architecture)
    used = {
        "image_size": recipe.image_size if image_size is None else image_size,
        "validation_fraction": recipe.validation_fraction if validation_fraction is None else validation_fraction,
        "batch_size": recipe.batch_size if batch_size is None else batch_size,
        "learning_rate": recipe.learning_rate if learning_rate is None else learning_rate,
        "patience": recipe.patience if patience is None else patience,
    }
    if used["validation_fraction"] == 0:
        if patience:
            raise UserError(
                f"patience={patience} needs validation photos to watch; "
                "say patience=0, or a validation_fraction above 0"
            )
        used["patience"] = 0

    with start_step() as run:
        set_tags(**{f"used.{name}": value for name, value in used.items()})

        downloaded = run_child("download", {"source": source, "keep_photos": keep_photos}, run_name="download")
        set_tags(
            source=get_tag(downloaded, "source"),
            source_fallback=get_tag(downloaded, "source_fallback"),
            photos_sha256=get_tag(downloaded, "photos_sha256"),
        )

        preprocessed = run_child(
            "preprocess",
            {
                "photos": f"runs:/{downloaded.info.run_id}/photos",
                "image_size": used["image_size"],
                "train_images": train_images,
                "test_images": test_images,
                "validation_fraction": used["validation_fraction"],
                "seed": seed,
            },
            run_name="preprocess",
        )
        dataset = f"runs:/{preprocessed.info.run_id}/dataset"
        set_tags(dataset_digest=get_tag(preprocessed, "dataset_digest"))

        done: list[Repeat] = []
        steps = [downloaded, preprocessed]
        for number in range(repeats):
            suffix = f" {number + 1}" if repeats > 1 else ""
            trained = run_child(
                "train",
                {
                    "dataset": dataset,
                    "architecture": architecture,
                    "epochs": epochs,
                    "batch_size": used["batch_size"],
                    "learning_rate": used["learning_rate"],
                    "patience": used["patience"],
                    "seed": seed + number,
                },
                run_name=f"train{suffix}",
            )
            model = find_model(trained)
            evaluated = run_child("evaluate", {"dataset": dataset, "model": model}, run_name=f"evaluate{suffix}")
            steps += [trained, evaluated]
            done.append(read_repeat(seed=seed + number, model=model, trained=trained, evaluated=evaluated))

        log_summary(done)
        fallback = get_tag(downloaded, "source_fallback")
        describe_run(
            f"{code(architecture)} on photos of {code(str(get_tag(downloaded, 'source')))}"
            + (f", because of {fallback}." if fallback else "."),
            tell_repeats(done),
            tell_steps(steps),
        )
        click.echo(summarize(done))
        if fallback:
            click.echo(f"note: the photos are {get_tag(downloaded, 'source')}, because of {fallback}", err=True)
        click.echo(f"run {run.info.run_id} at {mlflow.get_tracking_uri()}")


if __name__ == "__main__":
    run_command(main)
