"""The whole story: download, preprocess, then train and evaluate once for each repeat.

Reads   a source of photos.
Writes  four or more child runs, and on its own run the test metrics: as
        they are, or mean and std over repeats; report.html, review.html.
Run it  mlflow run . --env-manager uv -P epochs=30
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.console.console import run_command
from pawprint.console.parameters import MainParameters, by_name, resolve
from pawprint.console.step import step
from pawprint.models.adjustment import check_finetune, resolve_adjustments
from pawprint.models.architectures import recipe_for

if TYPE_CHECKING:
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import PreparedDataset
    from pawprint.pipeline.results import Repeat


@step(MainParameters)
def main(given: MainParameters) -> None:
    """Turn photos into a judged model: download, preprocess, train, evaluate."""
    from pawprint.evaluation.costs import build_cost_matrix
    from pawprint.photos.sources import check_source, summarize_source
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import prepare_dataset, read_class_names
    from pawprint.pipeline.registry import check_gate
    from pawprint.pipeline.results import choose_best, log_summary
    from pawprint.report.openlineage import send_events
    from pawprint.tracking.datasets import log_dataset_of
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags

    # Errors that can be found without downloads are raised before any run starts.
    understood = summarize_source(given.download.source, labels=given.download.labels)
    used = _resolve_auto(given)
    if given.cost and (reading := check_source(given.download.source, labels=given.download.labels)):
        build_cost_matrix(given.cost, sorted({photo.label for photo in reading.photos}))

    with ExitStack() as when_ended, start_step() as run:
        set_tags(used=used)
        chain = Chain(cache=given.cache, plan=given.plan)
        dataset = prepare_dataset(
            chain,
            **by_name(given.download),
            parameters={**resolve(given.preprocessing, used), "seed": given.seed},
        )
        if given.cost and (class_names := read_class_names(dataset)):
            build_cost_matrix(given.cost, class_names)  # before the training, if the source could not tell its classes
        repeats = [_train_and_judge(chain, dataset, given, used, number) for number in range(given.repeats)]
        if given.plan:
            _show_plan(chain, understood)
            return

        done = [repeat for repeat in repeats if repeat]
        log_dataset_of(str(dataset.uri))
        log_summary(done)
        notes = []
        failure = check_gate(done, minimum_accuracy=given.minimum_accuracy, minimum_f1=given.minimum_f1)
        if failure:
            notes.append(f"Below the bar, so nothing was registered: {failure}.")
        elif given.register:
            notes.append(_register(given.register, choose_best(done).model, dataset, chain))
        when_ended.callback(send_events, run.info.run_id)
        _publish(done, chain, notes, architecture=given.learning.architecture, dataset=dataset)
        if failure:
            raise UserError(f"{failure}; everything is logged, and nothing was registered")


def _resolve_auto(given: MainParameters) -> dict[str, float | None]:
    """Return the values used for `auto`; None for parameters that the architecture does not use."""
    learning = given.learning
    recipe = recipe_for(learning.architecture)
    check_finetune(learning.architecture, recipe, learning.finetune)
    used = recipe.resolve(
        image_size=given.preprocessing.image_size,
        validation_fraction=given.preprocessing.validation_fraction,
        batch_size=learning.batch_size,
        learning_rate=learning.learning_rate,
        patience=learning.patience,
    )
    return {**used, **resolve_adjustments(learning.architecture, recipe, **by_name(learning.adjustments))}


def _train_and_judge(
    chain: "Chain",
    dataset: "PreparedDataset",
    given: MainParameters,
    used: Mapping[str, float | None],
    number: int,
) -> "Repeat | None":
    """Run train and evaluate once, and return their results; None in a plan."""
    from pawprint.pipeline.preparation import judge_model
    from pawprint.pipeline.results import read_repeat
    from pawprint.tracking.artifacts import find_model

    seed = given.seed + number
    suffix = f" {number + 1}" if given.repeats > 1 else ""
    trained = chain.run_step(
        "train",
        {**resolve(given.learning, used), "seed": seed, "export": given.export},
        given={"dataset": dataset.uri},
        inputs={"dataset": dataset.digest},
        run_name=f"train{suffix}",
    )
    model = find_model(trained.run) if trained.run else None
    evaluated = judge_model(chain, model, dataset, run_name=f"evaluate{suffix}", cost=given.cost)
    if chain.plan or model is None:
        return None
    return read_repeat(seed=seed, model=model, trained=trained.made, evaluated=evaluated.made)


def _show_plan(chain: "Chain", understood: list[str]) -> None:
    """Show what would be done, on the run's page and at the console."""
    from pawprint.tracking.descriptions import describe_run, list_lines
    from pawprint.tracking.tags import set_tags

    set_tags(plan="true")
    describe_run("Only a plan; nothing was run.", list_lines(understood), *chain.plan_lines)
    click.echo("\n".join([*understood, *chain.plan_lines]))


def _register(name: str, model: str, dataset: "PreparedDataset", chain: "Chain") -> str:
    """Register a model, make it the champion if it is better, and return the reason of the decision."""
    from pawprint.pipeline.preparation import judge_model
    from pawprint.pipeline.registry import find_champion, find_evaluation, read_candidate, register
    from pawprint.tracking.tags import set_tags

    digest = str(dataset.digest)
    evaluated, champion = find_evaluation(model, digest), find_champion(name)
    opponent = find_evaluation(champion, digest) if champion else None
    if champion and opponent is None:
        # So far evaluated on other photos; both must be compared on the same ones.
        opponent = judge_model(chain, champion, dataset, run_name="evaluate the champion").made
    if evaluated is None:
        raise RuntimeError(f"{model} has just been evaluated, and its evaluation is not found")
    decision = register(name, read_candidate(evaluated), read_candidate(opponent) if opponent else None)
    set_tags(registered=f"models:/{name}/{decision.version}", champion=str(decision.champion).lower())
    return decision.reason


def _publish(
    done: "list[Repeat]", chain: "Chain", notes: list[str], *, architecture: str, dataset: "PreparedDataset"
) -> None:
    """Publish the results: on the run's page, in report.html, model_card.md and lineage.svg, and at the console."""
    from pawprint.evaluation.doubts import format_doubts
    from pawprint.pipeline.registry import describe_version
    from pawprint.pipeline.results import format_repeats, summarize
    from pawprint.report.effect import find_effect
    from pawprint.report.graph import find_lineage
    from pawprint.report.model_card import build_model_card, strip_front_matter
    from pawprint.report.openlineage import write_events
    from pawprint.report.page import build_report
    from pawprint.report.picture import draw_lineage
    from pawprint.report.review import build_review
    from pawprint.report.suspicions import find_suspicions
    from pawprint.tracking.active import active_run
    from pawprint.tracking.descriptions import code, describe_run, format_steps
    from pawprint.tracking.digests import log_files
    from pawprint.tracking.server import describe_server
    from pawprint.tracking.tags import get_tag

    fallback = dataset.source_fallback
    because = f", because of {code(fallback)}." if fallback else "."
    describe_run(
        f"{code(architecture)} on photos of {code(str(dataset.source))}{because}",
        *notes,
        format_repeats(done),
        format_steps(chain.runs),
    )
    run_id = active_run().info.run_id
    lineage = find_lineage(run_id)
    doubts = find_suspicions(lineage)
    card = build_model_card(lineage, done, len(doubts))
    log_files(
        {
            "report.html": build_report(lineage, done, notes, doubts),
            "review.html": build_review(lineage),
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
    effect = find_effect(lineage, pictures=False)
    click.echo("\n".join([summarize(done), *notes, *([effect.describe()] if effect else [])]))
    if fallback:
        click.echo(f"note: the photos are {dataset.source}, because of {fallback}", err=True)
    click.echo(f"run {run_id} at {describe_server()}; its report.html tells the whole story")


if __name__ == "__main__":
    run_command(main, keep_console=True)
