"""Searches for better values of learning rate, weight decay, augmentation and width than those of `auto`.

Reads   a source of photos.
Writes  a run of train for each trial, an evaluation of the winner, and
        study/: trials.csv and the plots.
Run it  mlflow run . --env-manager uv -e tune -P trials=20

The validation photos choose; the test photos judge the winner alone, once.
"""

import shlex
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.console.console import run_command
from pawprint.console.parameters import TuneParameters, by_name, resolve
from pawprint.console.step import step
from pawprint.models.adjustment import measured_adjustments
from pawprint.models.architectures import recipe_for
from pawprint.tuning.search_space import search_space

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import PreparedDataset
    from pawprint.pipeline.results import Repeat
    from pawprint.tuning.search_space import Range
    from pawprint.tuning.study import Search, TrialResult

_WAIT_SECONDS = 5.0
"""Seconds between two looks at a study whose missing trials all run elsewhere."""


@step(
    TuneParameters,
    epilog="The same command again goes on from the trials that had ended. They are kept in a file in the cache, or in "
    "the database whose URL the environment variable PAWPRINT_STUDIES holds (sqlite:///... or postgresql://...), where "
    "several of these commands work on one search at once.",
)
def tune(given: TuneParameters) -> None:
    """Search for values that train better, by trials that the validation photos judge."""
    from pawprint.photos.sources import check_source
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import prepare_dataset
    from pawprint.pipeline.results import log_summary, summarize
    from pawprint.tracking.datasets import log_dataset_of
    from pawprint.tracking.descriptions import code, describe_run, format_metrics, format_steps
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags
    from pawprint.tuning.study import choose_winner, is_shared, keep_study, open_search
    from pawprint.tuning.trials import name_study

    check_source(given.download.source, labels=given.download.labels)
    space = search_space(recipe_for(given.network.architecture))
    prepared, shared = _resolve_auto(given)

    with start_step() as run, ExitStack() as opened:
        used = {name: value for name, value in {**prepared, **shared}.items() if name not in {"architecture", "seed"}}
        set_tags(used={name: value for name, value in used.items() if value != "auto"})
        chain = Chain(cache=given.cache)
        dataset = prepare_dataset(chain, **by_name(given.download), parameters=prepared)
        name = name_study(shared, space=space, dataset_digest=str(dataset.digest), experiment_id=run.info.experiment_id)
        set_tags(study=name)

        storage = opened.enter_context(keep_study(name)) if given.cache != "off" else None
        search = open_search(
            name,
            storage,
            space,
            seed=given.seed,
            epochs=given.network.epochs,
            anew=given.cache == "refresh",
            shared=storage is not None and is_shared(),
        )
        _run_trials(search, shared, trials=given.trials, dataset=dataset, cache=given.cache)

        winner = choose_winner(search.results())
        repeat = _judge_winner(winner, chain, dataset, seed=given.seed)
        log_dataset_of(str(dataset.uri))
        log_summary([repeat])
        set_tags(found={"trial": winner.number, **winner.values})
        _log_study(search, space, winner)
        command = _write_command({**by_name(given.download), **prepared, **shared, **winner.values})
        found = ", ".join(f"{name} {value:g}" for name, value in winner.values.items())
        describe_run(
            f"Of {search.count_done()} trials of {code(given.network.architecture)} on photos of "
            f"{code(str(dataset.source))} number {winner.number} did best on the validation photos "
            f"(loss {winner.loss:.4f}): {found}. This run trained {_name_trials(search)}.",
            f"It is trained by {code(command)}",
            format_metrics(repeat.metrics),
            format_steps(chain.runs),
        )
    click.echo(
        "\n".join([summarize([repeat]), f"found by trial {winner.number}: {found}", "it is trained by", command])
    )


def _resolve_auto(given: TuneParameters) -> tuple[dict[str, object], dict[str, object]]:
    """Return the parameters of preprocess, and those that all trials share, without the URIs of the inputs."""
    recipe = recipe_for(given.network.architecture)
    if given.preprocessing.validation_fraction == 0:
        raise UserError("validation_fraction=0 leaves no photos to choose by; say auto, or a number above 0")
    used = recipe.resolve(
        image_size=given.preprocessing.image_size,
        validation_fraction=given.preprocessing.validation_fraction,
        batch_size=given.network.batch_size,
        patience=given.patience,
    )
    shared = {
        **resolve(given.network, used),
        "patience": used["patience"],
        "seed": given.seed,
        # The search is for what the last layer of a pretrained network learns with.
        "minutes": 0,
        "mirror": "auto",
        "finetune": "auto" if recipe.finetuning is None else 0,
        # Each trial sets the varied ones; `auto` remains for those that the architecture does not use.
        **dict.fromkeys(measured_adjustments(recipe), "auto"),
    }
    return {**resolve(given.preprocessing, used), "seed": given.seed}, shared


def _judge_winner(winner: "TrialResult", chain: "Chain", dataset: "PreparedDataset", *, seed: int) -> "Repeat":
    """Evaluate the winner's model, and no other, on the test photos."""
    from pawprint.pipeline.preparation import judge_model
    from pawprint.pipeline.results import read_repeat
    from pawprint.tuning.trials import find_trial_model

    trained, model = find_trial_model(winner.run_id)
    evaluated = judge_model(chain, model, dataset, run_name="evaluate the winner").made
    return read_repeat(seed=seed, model=model, trained=trained, evaluated=evaluated)


def _log_study(search: "Search", space: "Mapping[str, Range]", winner: "TrialResult") -> None:
    """Log the trials and their plots."""
    from pawprint.tracking.digests import log_folder
    from pawprint.tuning.plots import write_search

    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        folder = Path(scratch) / "study"
        write_search(search.results(), space=space, importances=search.importances(), winner=winner, folder=folder)
        log_folder(folder, "study")


def _write_command(parameters: "Mapping[str, object]") -> str:
    """Return the command that runs main with the given parameters."""
    words = " ".join(f"-P {name}={shlex.quote(str(value))}" for name, value in parameters.items() if value != "auto")
    return f"mlflow run . --env-manager uv {words}"


def _run_trials(
    search: "Search", shared: dict[str, object], *, trials: int, dataset: "PreparedDataset", cache: str
) -> None:
    """Run the missing trials one after another until none is missing, and print the result of each."""
    from pawprint.tuning.trials import open_trials, run_trial

    done = search.count_done()
    if done:
        click.echo(f"{done} trials had ended before; {max(0, trials - done)} to go")
    if done >= trials:
        return
    with open_trials():
        waiting = False
        while search.count_done() < trials:
            started = search.start_trial(trials)
            if started is None:
                if not waiting:
                    click.echo("all trials that are missing run elsewhere: waiting for them")
                waiting = True
                time.sleep(_WAIT_SECONDS)
                continue
            number, values = started
            try:
                with search.stay_alive(number):
                    outcome = run_trial(
                        {**shared, **values},
                        number=number,
                        dataset=str(dataset.uri),
                        dataset_digest=str(dataset.digest),
                        cache=cache,
                        on_run=partial(search.note_run, number),
                        on_epoch=partial(search.should_prune, number),
                    )
            except BaseException:
                search.interrupt_trial(number)
                raise
            if outcome.loss is not None:
                how = f"validation_loss {outcome.loss:.4f}"
                search.finish_trial(number, outcome.loss)
            elif outcome.pruned_at is not None:
                how = f"pruned after epoch {outcome.pruned_at}"
                search.prune_trial(number, how)
            else:
                how = f"failed: {outcome.reason}"
                search.fail_trial(number, outcome.reason)
            if search.is_interrupted(number):
                how = "does not count: nothing was heard of it for minutes, and another stands in its place"
            tried = "  ".join(f"{name} {value:g}" for name, value in values.items())
            click.echo(f"trial {number} ({search.count_done()} of {trials}): {tried}  ->  {how}")


def _name_trials(search: "Search") -> str:
    """Return what this run did of the search."""
    return f"trials {', '.join(map(str, search.started()))}" if search.started() else "none of them"


if __name__ == "__main__":
    run_command(tune, keep_console=True)
