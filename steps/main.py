"""The whole story: download, preprocess, then train and evaluate once for each repeat.

Reads   a source of photos.
Writes  four or more child runs, and on its own run the test metrics: as they are, or mean and std over repeats.
Run it  mlflow run . -P epochs=30
"""

from contextlib import ExitStack
from pathlib import Path

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
@options.cache
@options.plan
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
    cache: str,
    plan: bool,
) -> None:
    """Turn photos into a judged model: download, preprocess, train, evaluate."""
    import mlflow

    from pawprint.lineage.artifacts import open_artifact
    from pawprint.lineage.chain import Chain
    from pawprint.lineage.descriptions import code, describe_run, tell_repeats, tell_steps
    from pawprint.lineage.results import Repeat, find_model, log_summary, read_repeat, summarize
    from pawprint.lineage.runs import set_tags, start_step
    from pawprint.photos.identity import identify_source

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

    with start_step() as run, ExitStack() as opened:
        set_tags(**{f"used.{name}": value for name, value in used.items()})
        chain = Chain(cache=cache, plan=plan)

        def resolve_uri(uri: str) -> Path:
            return opened.enter_context(open_artifact(uri, expected="runs:/<run id of download>/photos"))

        downloaded = chain.run_step(
            "download",
            {"source": source, "keep_photos": keep_photos},
            given={},
            inputs={"source": None if cache == "off" else identify_source(source, resolve_uri=resolve_uri)},
            run_name="download",
        )
        set_tags(**{name: downloaded.tag(name) for name in ("source", "source_fallback", "photos_sha256")})

        preprocessed = chain.run_step(
            "preprocess",
            {
                "image_size": used["image_size"],
                "train_images": train_images,
                "test_images": test_images,
                "validation_fraction": used["validation_fraction"],
                "seed": seed,
            },
            given={"photos": downloaded.artifact("photos")},
            inputs={"photos": downloaded.tag("photos_sha256")},
            run_name="preprocess",
        )
        dataset, dataset_digest = preprocessed.artifact("dataset"), preprocessed.tag("dataset_digest")
        set_tags(dataset_digest=dataset_digest)

        done: list[Repeat] = []
        for number in range(repeats):
            suffix = f" {number + 1}" if repeats > 1 else ""
            trained = chain.run_step(
                "train",
                {
                    "architecture": architecture,
                    "epochs": epochs,
                    "batch_size": used["batch_size"],
                    "learning_rate": used["learning_rate"],
                    "patience": used["patience"],
                    "seed": seed + number,
                },
                given={"dataset": dataset},
                inputs={"dataset": dataset_digest},
                run_name=f"train{suffix}",
            )
            model = find_model(trained.run) if trained.run else None
            evaluated = chain.run_step(
                "evaluate",
                {},
                given={"dataset": dataset, "model": model},
                # The model's id too: one that was trained again to the same weights wants its metrics on its own page.
                inputs={"dataset": dataset_digest, "model": model},
                run_name=f"evaluate{suffix}",
            )
            if not plan and model:
                done.append(
                    read_repeat(seed=seed + number, model=model, trained=trained.made, evaluated=evaluated.made)
                )
        if plan:
            set_tags(plan="true")
            describe_run("Only a plan; nothing was run.", *chain.told)
            click.echo("\n".join(chain.told))
            return

        log_summary(done)
        fallback = downloaded.tag("source_fallback")
        describe_run(
            f"{code(architecture)} on photos of {code(str(downloaded.tag('source')))}"
            + (f", because of {fallback}." if fallback else "."),
            tell_repeats(done),
            tell_steps(chain.runs),
        )
        click.echo(summarize(done))
        if fallback:
            click.echo(f"note: the photos are {downloaded.tag('source')}, because of {fallback}", err=True)
        click.echo(f"run {run.info.run_id} at {mlflow.get_tracking_uri()}")


if __name__ == "__main__":
    run_command(main)
