"""The whole story: download, preprocess, then train and evaluate once for each repeat.

Reads   a source of photos.
Writes  four or more child runs, and on its own run the test metrics: as
        they are, or mean and std over repeats; report.html, review.html.
Run it  mlflow run . --env-manager uv -P epochs=30
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.console.console import run_command
from pawprint.console.parameters import MainParameters, by_name, resolve
from pawprint.console.step import step
from pawprint.models.adjustment import check_finetune, resolve_adjustments
from pawprint.models.architectures import AUTO, CANDIDATES, recipe_for

if TYPE_CHECKING:
    from pawprint.pipeline.chain import Chain, Outcome
    from pawprint.pipeline.preparation import PreparedDataset
    from pawprint.pipeline.results import Repeat
    from pawprint.pipeline.weights import Weights


@step(MainParameters)
def main(given: MainParameters) -> None:
    """Turn photos into a judged model: download, preprocess, train, evaluate."""
    from pawprint.models.costs import build_cost_matrix
    from pawprint.photos.sources import check_source, summarize_source
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import read_description
    from pawprint.pipeline.registry import check_gate
    from pawprint.pipeline.results import choose_best, log_summary
    from pawprint.pipeline.weights import describe_weights, find_weights
    from pawprint.report.openlineage import send_events
    from pawprint.tracking.datasets import log_dataset_of
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags

    # Errors that can be found without downloads are raised before any run starts.
    understood = summarize_source(given.download.source, labels=given.download.labels)
    unusable = _rule_out(given)
    if given.cost and (reading := check_source(given.download.source, labels=given.download.labels)):
        build_cost_matrix(given.cost, sorted({photo.label for photo in reading.photos}))

    with ExitStack() as when_ended, start_step() as run:
        weights = find_weights(given.weights, architecture=given.learning.architecture)
        set_tags(**describe_weights(weights))
        chain = Chain(cache=given.cache, plan=given.plan)
        notes: list[str] = []
        if given.learning.architecture == AUTO:
            given, notes = _choose(chain, given, unusable)
        dataset = _prepare(chain, given)
        if given.cost and (description := read_description(dataset)):
            # Before the training, if the source could not tell its classes.
            build_cost_matrix(given.cost, description["class_names"])
        repeats = [_train_and_judge(chain, dataset, given, weights, number) for number in range(given.repeats)]
        if given.plan:
            _show_plan(chain, [*understood, *notes])
            return

        done = [repeat for repeat in repeats if repeat]
        log_dataset_of(str(dataset.uri))
        log_summary(done)
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


def _with_architecture(given: MainParameters, architecture: str, minutes: float) -> MainParameters:
    return replace(given, learning=replace(given.learning, architecture=architecture, minutes=minutes))


def _rule_out(given: MainParameters) -> dict[str, str]:
    """Check the parameters with the architecture, or return the candidates of `auto` that they are not for, and why."""
    if given.learning.architecture != AUTO:
        _resolve_auto(given)
        return {}
    if given.weights:
        raise UserError(f"weights={given.weights} belong to one architecture; name it in place of {AUTO}")
    unusable = {}
    for name in CANDIDATES:
        try:
            _resolve_auto(_with_architecture(given, name, 0))
        except UserError as error:
            unusable[name] = str(error)
    return unusable


def _choose(chain: "Chain", given: MainParameters, unusable: Mapping[str, str]) -> tuple[MainParameters, list[str]]:
    """Return the parameters with the architecture that the validation photos choose, and notes about the choice."""
    from pawprint.pipeline.choice import choose_architecture
    from pawprint.pipeline.preparation import read_description

    def train_within(architecture: str, minutes: float) -> "tuple[Outcome, int]":
        tried = _with_architecture(given, architecture, minutes)
        dataset = _prepare(chain, tried)
        outcome = _train(chain, dataset, tried, None, seed=given.seed, run_name=f"train {architecture}")
        description = read_description(dataset)
        return outcome, sum(description["counts"].get("validation", {}).values()) if description else 0

    choice = choose_architecture(chain, unusable, train_within, minutes=given.learning.minutes)
    return _with_architecture(given, choice.architecture, choice.minutes), choice.notes


def _prepare(chain: "Chain", given: MainParameters) -> "PreparedDataset":
    """Run download and preprocess, and tag the run with the values used for `auto`."""
    from pawprint.pipeline.preparation import prepare_dataset
    from pawprint.tracking.tags import set_tags

    used = _resolve_auto(given)
    set_tags(used={**used, "architecture": given.learning.architecture})
    parameters = {**resolve(given.preprocessing, used), "seed": given.seed}
    return prepare_dataset(chain, **by_name(given.download), parameters=parameters, cluster=given.cluster)


def _train(
    chain: "Chain",
    dataset: "PreparedDataset",
    given: MainParameters,
    weights: "Weights | None",
    *,
    seed: int,
    run_name: str,
) -> "Outcome":
    return chain.run_step(
        "train",
        {**resolve(given.learning, _resolve_auto(given)), "seed": seed, "cost": given.cost, "export": given.export},
        given={"dataset": dataset.uri, "weights": weights.uri if weights else ""},
        inputs={"dataset": dataset.digest} | ({"weights": weights.digest} if weights else {}),
        run_name=run_name,
    )


def _train_and_judge(
    chain: "Chain", dataset: "PreparedDataset", given: MainParameters, weights: "Weights | None", number: int
) -> "Repeat | None":
    """Run train and evaluate once, and return their results; None in a plan."""
    from pawprint.pipeline.preparation import judge_model
    from pawprint.pipeline.results import read_repeat
    from pawprint.tracking.artifacts import find_model
    from pawprint.tracking.tags import get_group, set_tags

    seed = given.seed + number
    suffix = f" {number + 1}" if given.repeats > 1 else ""
    trained = _train(chain, dataset, given, weights, seed=seed, run_name=f"train{suffix}")
    if trained.run and (fitted := get_group(trained.run, "used")):  # by a clock
        set_tags(used={**_resolve_auto(given), "architecture": given.learning.architecture, **fitted})
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
