"""A study: the values that a search has tried, their results, and the choice of the next values.

Optuna stores it in a database, from which it can be resumed, and chooses values by TPE (Bergstra et al. 2011). The next
values depend on the seed and on the results of earlier trials, not on how often the search was interrupted.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import optuna
import sqlalchemy.exc
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.tuning.search_space import Range, round_value

STORAGE_VARIABLE = "PAWPRINT_STUDIES"
"""Environment variable with the URL of the studies' database; default: a file in the cache."""
STARTUP_TRIALS = 6
"""Random trials before TPE starts."""
PRUNING_STARTUP = 4
"""Finished trials that are needed before a trial can be pruned."""
_INTERRUPTED, _RUN, _REASON = "interrupted", "run_id", "reason"
MIN_TRIALS_FOR_IMPORTANCE = 4
"""Finished trials that are needed to compute the importance of parameters."""


@dataclass(frozen=True)
class TrialResult:
    """The result of a trial.

    Attributes:
        number: number of the trial, from 0.
        state: `finished`, `pruned`, `failed`, or `interrupted`, which does not count as a trial.
        values: tried values by parameter.
        loss: validation loss at the chosen epoch, or at the last epoch if it was pruned; None if it failed.
        run_id: id of its run of train.
        reason: why it failed or was pruned.
    """

    number: int
    state: str
    values: dict[str, float]
    loss: float | None
    run_id: str
    reason: str


class Search:
    """An open study: choose values for the next trial, and record results."""

    def __init__(self, study: optuna.Study, space: Mapping[str, Range], *, seed: int, epochs: int) -> None:
        self._study, self._space, self._seed, self._epochs = study, space, seed, epochs
        self._running: dict[int, optuna.Trial] = {}
        # Trials that a killed process left running are neither running nor results.
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            self.interrupt_trial(trial.number)

    def results(self) -> list[TrialResult]:
        """Return all ended trials in order."""
        return [_read(trial, self._space) for trial in self._study.get_trials() if trial.state.is_finished()]

    def count_done(self) -> int:
        """Return the number of trials that finished, were pruned or failed."""
        return sum(result.state != _INTERRUPTED for result in self.results())

    def start_trial(self) -> tuple[int, dict[str, float]]:
        """Return the number of a new trial and its values by parameter."""
        done = self.count_done()
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS, seed=int(np.random.SeedSequence([self._seed, done]).generate_state(1)[0])
        )
        if done == 0:
            self._study.enqueue_trial({name: one.start for name, one in self._space.items()})
        trial = self._study.ask(
            {
                name: optuna.distributions.FloatDistribution(one.low, one.high, log=one.log, step=one.step)
                for name, one in self._space.items()
            }
        )
        self._running[trial.number] = trial
        return trial.number, {name: round_value(value) for name, value in trial.params.items()}

    def note_run(self, number: int, run_id: str) -> None:
        """Record the run of a trial."""
        self._running[number].set_user_attr(_RUN, run_id)

    def should_prune(self, number: int, epoch: int, loss: float) -> bool:
        """Record the validation loss of an epoch, and return whether it is worse than half of the earlier trials.

        At the last epoch it returns False, since pruning would save nothing.
        """
        trial = self._running[number]
        if not math.isfinite(loss):
            return False  # the training itself fails with a reason
        trial.report(loss, epoch)
        return epoch < self._epochs and trial.should_prune()

    def finish_trial(self, number: int, loss: float) -> None:
        """Record the validation loss of a finished trial."""
        self._study.tell(number, loss)

    def prune_trial(self, number: int, reason: str) -> None:
        """Record that a trial was pruned; its last reported loss is its result."""
        self._running[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.PRUNED)

    def fail_trial(self, number: int, reason: str) -> None:
        """Record that a trial failed: it counts as a trial and is not repeated."""
        self._running[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.FAIL)

    def interrupt_trial(self, number: int) -> None:
        """Record that a trial was interrupted: it does not count as a trial."""
        self._study.tell(number, state=TrialState.FAIL)

    def importances(self) -> dict[str, float]:
        """Return the importance of each parameter for the loss, with a sum of 1.

        It is computed by PED-ANOVA (Watanabe et al. 2023); empty if too few trials finished, or all have the same loss.
        """
        losses = {result.loss for result in self.results() if result.state == "finished"}
        whole = self._study.get_trials(states=(TrialState.COMPLETE,))
        if len(whole) < MIN_TRIALS_FOR_IMPORTANCE or len(losses) < 2:
            return {}
        return optuna.importance.get_param_importances(self._study)


def open_search(
    name: str, storage: str | None, space: Mapping[str, Range], *, seed: int, epochs: int, anew: bool = False
) -> Search:
    """Open a study; create it if it does not exist.

    Args:
        name: name of the study, see `name_study`.
        storage: URL of a database for SQLAlchemy; None to keep the study in memory only.
        space: ranges of the varied parameters.
        seed: seed of the choice of values.
        epochs: epochs of a training; a trial is pruned only after a quarter of them.
        anew: delete an existing study of this name first.

    Raises:
        UserError: the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNING_STARTUP, n_warmup_steps=epochs // 4 + 1)
    try:
        backend = optuna.storages.RDBStorage(storage) if storage else optuna.storages.InMemoryStorage()
        if anew and name in optuna.get_all_study_names(backend):
            optuna.delete_study(study_name=name, storage=backend)
        study = optuna.create_study(
            storage=backend, study_name=name, pruner=pruner, direction="minimize", load_if_exists=True
        )
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        where = sqlalchemy.make_url(str(storage)).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", None) or error)
        raise UserError(
            f"the study's database {where} can't be used: {reason}; name another in PAWPRINT_STUDIES"
        ) from error
    return Search(study, space, seed=seed, epochs=epochs)


@contextmanager
def keep_study(name: str) -> Iterator[str]:
    """Yield the URL of a study's database, and lock the study for other processes on this machine.

    The environment variable PAWPRINT_STUDIES names the database; the default is a file in the cache.

    Raises:
        UserError: another process runs the study.
    """
    folder = cache_folder() / "studies"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / f"{name}.lock", timeout=0):
            yield os.environ.get(STORAGE_VARIABLE) or f"sqlite:///{folder}/{name}.db"
    except Timeout:
        raise UserError(
            f"another process on this machine runs the same search (study {name}); "
            "wait for it, or search something else"
        ) from None


def choose_winner(results: Sequence[TrialResult]) -> TrialResult:
    """Return the finished trial with the lowest validation loss; if several are equal, the first.

    Raises:
        UserError: no trial finished.
    """
    finished = [result for result in results if result.state == "finished"]
    if not finished:
        reasons = "; ".join(f"trial {result.number}: {result.reason}" for result in results[-3:])
        raise UserError(f"none of {len(results)} trials ran to its end ({reasons}); mend that, or say more trials")
    return min(finished, key=lambda result: (result.loss, result.number))


def _read(trial: FrozenTrial, space: Mapping[str, Range]) -> TrialResult:
    state = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}[trial.state]
    reason = str(trial.user_attrs.get(_REASON, ""))
    loss = trial.value
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        loss = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialResult(
        number=trial.number,
        state=_INTERRUPTED if state == "failed" and not reason else state,
        values={name: round_value(trial.params[name]) for name in space if name in trial.params},
        loss=None if state == "failed" else loss,
        run_id=str(trial.user_attrs.get(_RUN, "")),
        reason=reason,
    )
