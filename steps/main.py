"""The whole story: download, preprocess, then train and evaluate once for each repeat.

Reads   a source of photos.
Writes  four or more child runs, and on its own run the test metrics: as they are, or mean and std over repeats.
Run it  mlflow run . --env-manager uv -P epochs=30
"""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.console import options
from pawprint.console.console import run_command
from pawprint.console.help import step_command
from pawprint.models.adjustment import resolve_adjustments
from pawprint.models.architectures import recipe_for

if TYPE_CHECKING:
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import PreparedDataset
    from pawprint.pipeline.results import Repeat


@step_command()
@options.source
@options.labels
@options.keep_photos
@options.image_size
@options.train_images
@options.test_images
@options.validation_fraction
@options.fit
@options.group
@options.split_by_time
@options.where
@options.near_duplicates
@options.architecture
@options.epochs
@options.batch_size
@options.learning_rate
@options.patience
@options.weight_decay
@options.augmentation
@options.width
@options.repeats
@options.seed
@options.register
@options.minimum_accuracy
@options.minimum_f1
@options.export
@options.cache
@options.plan
def main(
    source: str,
    labels: str,
    keep_photos: str,
    image_size: int | None,
    train_images: int,
    test_images: int,
    validation_fraction: float | None,
    fit: str,
    group: str,
    split_by_time: str,
    where: str,
    near_duplicates: str,
    architecture: str,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    patience: int | None,
    weight_decay: float | None,
    augmentation: float | None,
    width: float | None,
    repeats: int,
    seed: int,
    register: str,
    minimum_accuracy: float,
    minimum_f1: float,
    export: str,
    cache: str,
    plan: bool,
) -> None:
    """Turn photos into a judged model: download, preprocess, train, evaluate."""
    from pawprint.photos.sources import summarize_source
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import judge_model, prepare_dataset
    from pawprint.pipeline.registry import check_gate
    from pawprint.pipeline.results import Repeat, choose_best, log_summary, read_repeat
    from pawprint.report.openlineage import send_events
    from pawprint.tracking.artifacts import find_model
    from pawprint.tracking.datasets import log_dataset_of
    from pawprint.tracking.descriptions import describe_run, list_lines
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags

    # What can be known without the network is said before any run.
    understood = summarize_source(source, labels=labels)
    recipe = recipe_for(architecture)
    used = recipe.resolve(
        image_size=image_size,
        validation_fraction=validation_fraction,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
    )
    adjusted = resolve_adjustments(
        architecture, recipe, weight_decay=weight_decay, augmentation=augmentation, width=width
    )

    with ExitStack() as when_ended, start_step() as run:
        set_tags(used={**used, **adjusted})
        chain = Chain(cache=cache, plan=plan)
        dataset = prepare_dataset(
            chain,
            source=source,
            labels=labels,
            keep_photos=keep_photos,
            parameters={
                "image_size": used["image_size"],
                "train_images": train_images,
                "test_images": test_images,
                "validation_fraction": used["validation_fraction"],
                "fit": fit,
                "group": group,
                "split_by_time": split_by_time,
                "where": where,
                "near_duplicates": near_duplicates,
                "seed": seed,
            },
        )
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
                    **{name: "auto" if value is None else value for name, value in adjusted.items()},
                    "seed": seed + number,
                    "export": export,
                },
                given={"dataset": dataset.uri},
                inputs={"dataset": dataset.digest},
                run_name=f"train{suffix}",
            )
            model = find_model(trained.run) if trained.run else None
            evaluated = judge_model(chain, model, dataset, run_name=f"evaluate{suffix}")
            if not plan and model:
                done.append(
                    read_repeat(seed=seed + number, model=model, trained=trained.made, evaluated=evaluated.made)
                )
        if plan:
            set_tags(plan="true")
            describe_run("Only a plan; nothing was run.", list_lines(understood), *chain.told)
            click.echo("\n".join([*understood, *chain.told]))
            return

        log_dataset_of(str(dataset.uri))
        log_summary(done)
        notes = []
        failure = check_gate(done, minimum_accuracy=minimum_accuracy, minimum_f1=minimum_f1)
        if failure:
            notes.append(f"Below the bar, so nothing was registered: {failure}.")
        elif register:
            notes.append(_register(register, choose_best(done).model, dataset, chain))
        when_ended.callback(send_events, run.info.run_id)
        _tell(done, chain, notes, architecture=architecture, dataset=dataset)
        if failure:
            raise UserError(f"{failure}; everything is logged, and nothing was registered")


def _register(name: str, model: str, dataset: "PreparedDataset", chain: "Chain") -> str:
    """Makes a model a version of a registered one, and the champion if it is better; returns what became of it."""
    from pawprint.pipeline.preparation import judge_model
    from pawprint.pipeline.registry import find_champion, find_evaluation, read_candidate, register
    from pawprint.tracking.tags import set_tags

    digest = str(dataset.digest)
    evaluated, champion = find_evaluation(model, digest), find_champion(name)
    opponent = find_evaluation(champion, digest) if champion else None
    if champion and opponent is None:
        # Judged on other photos so far: the two are compared on the same ones.
        opponent = judge_model(chain, champion, dataset, run_name="evaluate the champion").made
    if evaluated is None:
        raise RuntimeError(f"{model} has just been evaluated, and its evaluation is not found")
    decision = register(name, read_candidate(evaluated), read_candidate(opponent) if opponent else None)
    set_tags(registered=f"models:/{name}/{decision.version}", champion=str(decision.champion).lower())
    return decision.reason


def _tell(
    done: "list[Repeat]", chain: "Chain", notes: list[str], *, architecture: str, dataset: "PreparedDataset"
) -> None:
    """Says how it went: on the run's page, in report.html, model_card.md and lineage.svg, and at the console."""
    from pawprint.evaluation.doubts import format_doubts
    from pawprint.pipeline.registry import describe_version
    from pawprint.pipeline.results import format_repeats, summarize
    from pawprint.report.graph import find_lineage
    from pawprint.report.model_card import build_model_card, strip_front_matter
    from pawprint.report.openlineage import write_events
    from pawprint.report.page import build_report
    from pawprint.report.picture import draw_lineage
    from pawprint.report.suspicions import find_suspicions
    from pawprint.tracking.active import active_run
    from pawprint.tracking.descriptions import code, describe_run, tell_steps
    from pawprint.tracking.digests import log_files
    from pawprint.tracking.server import tell_server
    from pawprint.tracking.tags import get_tag

    fallback = dataset.source_fallback
    because = f", because of {code(fallback)}." if fallback else "."
    describe_run(
        f"{code(architecture)} on photos of {code(str(dataset.source))}{because}",
        *notes,
        format_repeats(done),
        tell_steps(chain.runs),
    )
    run_id = active_run().info.run_id
    lineage = find_lineage(run_id)
    doubts = find_suspicions(lineage)
    card = build_model_card(lineage, done, len(doubts))
    log_files(
        {
            "report.html": build_report(lineage, done, notes, doubts),
            "model_card.md": card,
            "suspicious_labels.csv": format_doubts(doubts),
            "lineage.svg": draw_lineage(lineage),
            "lineage.json": write_events(lineage),
        },
        "story",
    )
    if registered := lineage.main and get_tag(lineage.main, "registered"):
        more = f"The rest is in model_card.md of run {run_id}."
        describe_version(registered, strip_front_matter(card), more=more)
    click.echo("\n".join([summarize(done), *notes]))
    if fallback:
        click.echo(f"note: the photos are {dataset.source}, because of {fallback}", err=True)
    click.echo(f"run {run_id} at {tell_server()}; its report.html tells the whole story")


if __name__ == "__main__":
    run_command(main, keep_console=True)
