"""A study: which values a search has tried, what they came to, and which it tries next.

Optuna keeps it in a database and chooses by TPE (Bergstra et al. 2011), and it goes on from there: what is tried next
depends on the seed and on what the trials before came to, not on how often the search was interrupted.
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
"""Names another database than a file in the cache."""
STARTUP_TRIALS = 6
"""Trials that are drawn at random before TPE has something to go by."""
PRUNING_STARTUP = 4
"""Whole trials that must be known before one is ended early."""
_INTERRUPTED, _RUN, _REASON = "interrupted", "run_id", "reason"
MIN_TRIALS_FOR_IMPORTANCE = 4
"""Whole trials from which the importance of parameters is told."""


@dataclass(frozen=True)
class TrialResult:
    """What became of a trial.

    Attributes:
        number: from 0.
        state: `finished`, `pruned`, `failed`, or `interrupted`, which does not count.
        values: what was tried, by parameter.
        loss: of the validation photos, at the epoch that was taken, or that it was ended at; None if it failed.
        run_id: of its run of train.
        reason: why it failed or was pruned.
    """

    number: int
    state: str
    values: dict[str, float]
    loss: float | None
    run_id: str
    reason: str


class Search:
    """A study that is open: asks what to try, and is told what came of it."""

    def __init__(self, study: optuna.Study, space: Mapping[str, Range], *, seed: int, epochs: int) -> None:
        self._study, self._space, self._seed, self._epochs = study, space, seed, epochs
        self._running: dict[int, optuna.Trial] = {}
        # What a process left that was killed is neither running nor a result.
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            self.interrupt_trial(trial.number)

    def results(self) -> list[TrialResult]:
        """Return every trial so far, in order."""
        return [_read(trial, self._space) for trial in self._study.get_trials() if trial.state.is_finished()]

    def count_done(self) -> int:
        """Count the trials that came to an end: finished, pruned or failed."""
        return sum(result.state != _INTERRUPTED for result in self.results())

    def start_trial(self) -> tuple[int, dict[str, float]]:
        """Return the number of a new trial and what it tries, by parameter."""
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
        """Note which run a trial is."""
        self._running[number].set_user_attr(_RUN, run_id)

    def should_prune(self, number: int, epoch: int, loss: float) -> bool:
        """Note a trial's validation loss of an epoch, and say whether it is worse than half of those before.

        A search that prunes at the last epoch would save nothing.
        """
        trial = self._running[number]
        if not math.isfinite(loss):
            return False  # training ends it by itself, and says why
        trial.report(loss, epoch)
        return epoch < self._epochs and trial.should_prune()

    def finish_trial(self, number: int, loss: float) -> None:
        """Note the validation loss of a trial that ran to its end."""
        self._study.tell(number, loss)

    def prune_trial(self, number: int, reason: str) -> None:
        """Note that a trial was ended early; its last reported loss stands for it."""
        self._running[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.PRUNED)

    def fail_trial(self, number: int, reason: str) -> None:
        """Note that a trial failed: it counts, and is not tried again."""
        self._running[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.FAIL)

    def interrupt_trial(self, number: int) -> None:
        """Note that a trial was interrupted: it failed for no reason of its own, and does not count."""
        self._study.tell(number, state=TrialState.FAIL)

    def importances(self) -> dict[str, float]:
        """Return how much of the differences in loss each parameter explains, the shares adding up to 1.

        By PED-ANOVA (Watanabe et al. 2023); nothing where too few trials ran to their end, or all came to the same.
        """
        losses = {result.loss for result in self.results() if result.state == "finished"}
        whole = self._study.get_trials(states=(TrialState.COMPLETE,))
        if len(whole) < MIN_TRIALS_FOR_IMPORTANCE or len(losses) < 2:
            return {}
        return optuna.importance.get_param_importances(self._study)


def open_search(
    name: str, storage: str | None, space: Mapping[str, Range], *, seed: int, epochs: int, anew: bool = False
) -> Search:
    """Open a study, which is made where it is not there yet.

    Args:
        name: of the study; what its trials share must be in it.
        storage: a database's URL, as SQLAlchemy takes it; None for a study that is forgotten.
        space: what is varied.
        seed: what is tried comes from it.
        epochs: of a training, which is never ended before a quarter of them.
        anew: forget a study of this name, and start it again.

    Raises:
        UserError: the database can't be reached.
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
    """Yields the URL of the database that a study is kept in, which nobody else on this machine may run meanwhile.

    That is the one which the environment variable PAWPRINT_STUDIES names, or else a file in the cache.

    Raises:
        UserError: another process runs it.
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
    """Return the trial that ran to its end with the lowest validation loss; of equals the first.

    Raises:
        UserError: none ran to its end.
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
