"""Searches for better values of learning rate, weight decay, augmentation and width than those of `auto`.

Reads   a source of photos.
Writes  a run of train for each trial, an evaluation of the winner, and study/: trials.csv and the plots.
Run it  mlflow run . --env-manager uv -e tune -P trials=20

The validation photos choose; the test photos judge the winner alone, once.
"""

import shlex
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pawprint.base.errors import UserError
from pawprint.console import options
from pawprint.console.console import run_command
from pawprint.console.help import step_command
from pawprint.models.adjustment import measured_adjustments
from pawprint.models.architectures import recipe_for
from pawprint.tuning.search_space import search_space

if TYPE_CHECKING:
    from pawprint.pipeline.preparation import PreparedDataset
    from pawprint.tuning.study import Search


@step_command(
    epilog="The same command again goes on from the trials that had ended. They are kept in a file in the cache, or in "
    "the database whose URL the environment variable PAWPRINT_STUDIES holds (sqlite:///... or postgresql://...)."
)
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
@options.patience
@options.trials
@options.seed
@options.cache
def tune(
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
    patience: int | None,
    trials: int,
    seed: int,
    cache: str,
) -> None:
    """Search for values that train better, by trials that the validation photos judge."""
    from pawprint.photos.sources import check_source
    from pawprint.pipeline.chain import Chain
    from pawprint.pipeline.preparation import judge_model, prepare_dataset
    from pawprint.pipeline.results import log_summary, read_repeat, summarize
    from pawprint.tracking.datasets import log_dataset_of
    from pawprint.tracking.descriptions import code, describe_run, tell_metrics, tell_steps
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags
    from pawprint.tuning.plots import write_search
    from pawprint.tuning.study import choose_winner, keep_study, open_search
    from pawprint.tuning.trials import find_trial_model, name_study

    check_source(source, labels=labels)
    recipe = recipe_for(architecture)
    space = search_space(recipe)
    if validation_fraction == 0:
        raise UserError("validation_fraction=0 leaves no photos to choose by; say auto, or a number above 0")
    resolved = recipe.resolve(
        image_size=image_size, validation_fraction=validation_fraction, batch_size=batch_size, patience=patience
    )
    prepared = {
        "image_size": resolved["image_size"],
        "train_images": train_images,
        "test_images": test_images,
        "validation_fraction": resolved["validation_fraction"],
        "fit": fit,
        "group": group,
        "split_by_time": split_by_time,
        "where": where,
        "near_duplicates": near_duplicates,
        "seed": seed,
    }
    shared = {
        "architecture": architecture,
        "epochs": epochs,
        "batch_size": resolved["batch_size"],
        "patience": resolved["patience"],
        "seed": seed,
        # What this architecture can't take, and what is varied all the same, is said by each trial.
        **dict.fromkeys(measured_adjustments(recipe), "auto"),
    }

    with start_step() as run, ExitStack() as opened:
        used = {name: value for name, value in {**prepared, **shared}.items() if name not in {"architecture", "seed"}}
        set_tags(used={name: value for name, value in used.items() if value != "auto"})
        chain = Chain(cache=cache)
        dataset = prepare_dataset(chain, source=source, labels=labels, keep_photos=keep_photos, parameters=prepared)
        name = name_study(shared, space=space, dataset_digest=str(dataset.digest), experiment_id=run.info.experiment_id)
        set_tags(study=name)

        storage = opened.enter_context(keep_study(name)) if cache != "off" else None
        search = open_search(name, storage, space, seed=seed, epochs=epochs, anew=cache == "refresh")
        _run_trials(search, shared, trials=trials, dataset=dataset, cache=cache)

        results = search.results()
        winner = choose_winner(results)
        trained, model = find_trial_model(winner.run_id)
        evaluated = judge_model(chain, model, dataset, run_name="evaluate the winner").made
        repeat = read_repeat(seed=seed, model=model, trained=trained, evaluated=evaluated)
        log_dataset_of(str(dataset.uri))
        log_summary([repeat])
        set_tags(found={"trial": winner.number, **winner.values})
        with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
            folder = Path(scratch) / "study"
            write_search(results, space=space, importances=search.importances(), winner=winner, folder=folder)
            log_folder(folder, "study")
        words = {"source": source, "labels": labels, "keep_photos": keep_photos, **prepared, **shared, **winner.values}
        command = "mlflow run . --env-manager uv " + " ".join(
            f"-P {name}={shlex.quote(str(value))}" for name, value in words.items() if value != "auto"
        )
        found = ", ".join(f"{name} {value:g}" for name, value in winner.values.items())
        photos = code(str(dataset.source))
        describe_run(
            f"Of {search.count_done()} trials of {code(architecture)} on photos of {photos} number {winner.number} did "
            f"best on the validation photos (loss {winner.loss:.4f}): {found}.",
            f"It is trained by {code(command)}",
            tell_metrics(repeat.metrics),
            tell_steps(chain.runs),
        )
    click.echo(
        "\n".join([summarize([repeat]), f"found by trial {winner.number}: {found}", "it is trained by", command])
    )


def _run_trials(
    search: "Search", shared: dict[str, object], *, trials: int, dataset: "PreparedDataset", cache: str
) -> None:
    """Runs the trials that are missing, one after another, and says how each went."""
    from pawprint.tuning.trials import open_trials, run_trial

    done = search.count_done()
    if done:
        click.echo(f"{done} trials had ended before; {max(0, trials - done)} to go")
    if done >= trials:
        return
    with open_trials():
        while (done := search.count_done()) < trials:
            number, values = search.start_trial()
            try:
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
            tried = "  ".join(f"{name} {value:g}" for name, value in values.items())
            click.echo(f"trial {number} ({done + 1} of {trials}): {tried}  ->  {how}")


if __name__ == "__main__":
    run_command(tune, keep_console=True)
