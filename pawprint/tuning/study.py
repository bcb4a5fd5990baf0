"""A study: the values that a search has tried, their results, and the choice of the next values.

Optuna stores it in a database, from which it can be resumed, and chooses values by TPE (Bergstra et al. 2011). The next
values depend on the seed and on the results of earlier trials, not on how often the search was interrupted. Several
workers, on any machines, share a study through a database that they all reach.
"""

import math
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

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
HEARTBEAT_SECONDS = 30
"""Seconds between two signs of life of a running trial of a shared study."""
GRACE_SECONDS = 180
"""Seconds without one after which its worker is taken for dead, and the trial for interrupted."""
_INTERRUPTED, _RUN, _REASON = "interrupted", "run_id", "reason"
_STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_STATES |= {TrialState.RUNNING: "running", TrialState.WAITING: "running"}
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

    def __init__(
        self,
        study: optuna.Study,
        space: Mapping[str, Range],
        *,
        seed: int,
        epochs: int,
        shared: optuna.storages.RDBStorage | None = None,
    ) -> None:
        """Open it; `shared` is the database that other workers on the same study reach, too."""
        self._study, self._space, self._seed, self._epochs, self._shared = study, space, seed, epochs, shared
        self._running: dict[int, optuna.Trial] = {}
        self._interrupt_dead()

    def _interrupt_dead(self) -> None:
        """Interrupt the trials that killed workers left running: these are neither running nor results."""
        if self._shared is not None:
            with _without_warnings():
                optuna.storages.fail_stale_trials(self._study)
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            if trial.number not in self._running and (self._shared is None or _is_unheard(trial)):
                self.interrupt_trial(trial.number)

    def results(self) -> list[TrialResult]:
        """Return all ended trials in order."""
        return [_read(trial, self._space) for trial in self._study.get_trials() if trial.state.is_finished()]

    def count_done(self) -> int:
        """Return the number of trials that finished, were pruned or failed."""
        return sum(result.state != _INTERRUPTED for result in self.results())

    def count_elsewhere(self) -> int:
        """Return the number of trials that other workers are running."""
        running = self._study.get_trials(states=(TrialState.RUNNING,))
        return sum(trial.number not in self._running for trial in running)

    def started(self) -> list[int]:
        """Return the numbers of the trials that this worker started."""
        return sorted(self._running)

    def start_trial(self, trials: int) -> tuple[int, dict[str, float]] | None:
        """Return the number of a new trial and its values by parameter; None if other workers run all that are missing.

        Args:
            trials: number of trials that the study shall have, without interrupted ones. Of the workers that start a
                trial at the same moment, those with the lower numbers keep theirs.
        """
        self._interrupt_dead()
        if self.count_done() + self.count_elsewhere() >= trials:
            return None
        with _without_warnings():
            trial = self._study.ask()
        self._record_heartbeat(trial.number)
        before = [_read(one, self._space) for one in self._study.get_trials()[: trial.number]]
        counted = [result for result in before if result.state != _INTERRUPTED]
        if len(counted) >= trials:
            self.interrupt_trial(trial.number)
            return None
        self._running[trial.number] = trial
        # A search of one worker comes to the same however often it was interrupted. Of several, one takes the place of
        # another that died after its neighbours have begun, so places are not unique.
        seed = [self._seed, len(counted) if self._shared is None else trial.number]
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP_TRIALS, seed=int(np.random.SeedSequence(seed).generate_state(1)[0])
        )
        recipe = {name: one.start for name, one in self._space.items()}
        # One that has no values yet is about to take the recipe's.
        tried = {name: round_value(value) for name, value in recipe.items()}
        if not any(result.values == tried or len(result.values) < len(recipe) for result in counted):
            with _without_warnings():
                sampler = optuna.samplers.PartialFixedSampler(recipe, sampler)
        self._study.sampler = sampler
        for name, one in self._space.items():
            trial.suggest_float(name, one.low, one.high, log=one.log, step=one.step)
        return trial.number, {name: round_value(value) for name, value in trial.params.items()}

    @contextmanager
    def stay_alive(self, number: int) -> Iterator[None]:
        """Tell other workers during the block that a trial's worker is alive."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                with suppress(optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError):
                    self._record_heartbeat(number)  # a database that is away gets the next one

        thread = threading.Thread(target=beat, name="heartbeats", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _record_heartbeat(self, number: int) -> None:
        if self._shared is not None:
            study = self._shared.get_study_id_from_name(self._study.study_name)
            self._shared.record_heartbeat(self._shared.get_trial_id_from_study_id_trial_number(study, number))

    def is_interrupted(self, number: int) -> bool:
        """Return whether a trial was interrupted, for example because other workers took this one for dead."""
        return any(result.number == number and result.state == _INTERRUPTED for result in self.results())

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
        try:
            trial.report(loss, epoch)
        except optuna.exceptions.UpdateFinishedTrialError:
            return True  # other workers took this one for dead: another trial stands in its place
        return epoch < self._epochs and trial.should_prune()

    def finish_trial(self, number: int, loss: float) -> None:
        """Record the validation loss of a finished trial."""
        self._tell(number, loss)

    def prune_trial(self, number: int, reason: str) -> None:
        """Record that a trial was pruned; its last reported loss is its result."""
        self._tell(number, state=TrialState.PRUNED, reason=reason)

    def fail_trial(self, number: int, reason: str) -> None:
        """Record that a trial failed: it counts as a trial and is not repeated."""
        self._tell(number, state=TrialState.FAIL, reason=reason)

    def interrupt_trial(self, number: int) -> None:
        """Record that a trial was interrupted: it does not count as a trial."""
        self._tell(number, state=TrialState.FAIL)

    def _tell(
        self, number: int, loss: float | None = None, *, state: TrialState | None = None, reason: str = ""
    ) -> None:
        # What other workers have ended stays as they left it.
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            if reason:
                self._running[number].set_user_attr(_REASON, reason)
            self._study.tell(number, loss, state=state, skip_if_finished=True)

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
    name: str,
    storage: str | None,
    space: Mapping[str, Range],
    *,
    seed: int,
    epochs: int,
    anew: bool = False,
    shared: bool = False,
) -> Search:
    """Open a study; create it if it does not exist.

    Args:
        name: name of the study, see `name_study`.
        storage: URL of a database for SQLAlchemy; None to keep the study in memory only.
        space: ranges of the varied parameters.
        seed: seed of the choice of values.
        epochs: epochs of a training; a trial is pruned only after a quarter of them.
        anew: delete an existing study of this name first.
        shared: whether other workers may run trials of it, too; else all that are running were left by killed ones.

    Raises:
        UserError: the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=PRUNING_STARTUP, n_warmup_steps=epochs // 4 + 1)
    try:
        backend = _open_database(storage, shared=shared) if storage else optuna.storages.InMemoryStorage()
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
    reached_by_others = backend if shared and isinstance(backend, optuna.storages.RDBStorage) else None
    return Search(study, space, seed=seed, epochs=epochs, shared=reached_by_others)


def _open_database(url: str, *, shared: bool) -> optuna.storages.RDBStorage:
    def open_it() -> optuna.storages.RDBStorage:
        return optuna.storages.RDBStorage(
            url,
            engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {},
            heartbeat_interval=HEARTBEAT_SECONDS if shared else None,
            grace_period=GRACE_SECONDS,
        )

    with _without_warnings():
        try:
            return open_it()
        except sqlalchemy.exc.SQLAlchemyError:
            time.sleep(1)  # another worker may have been making the same tables
            return open_it()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Heartbeats and the sampler of the first values are experimental, says Optuna; the lock holds its version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_unheard(trial: FrozenTrial) -> bool:
    """Return whether a worker died before the first heartbeat of its trial, of which Optuna then says nothing."""
    begun = trial.datetime_start
    long_ago = datetime.now() - timedelta(seconds=3 * GRACE_SECONDS)  # as Optuna's times, without a zone
    return _RUN not in trial.user_attrs and begun is not None and begun < long_ago


def is_shared() -> bool:
    """Return whether studies lie in a database that other workers may reach."""
    return bool(os.environ.get(STORAGE_VARIABLE))


@contextmanager
def keep_study(name: str) -> Iterator[str]:
    """Yield the URL of a study's database: that of PAWPRINT_STUDIES, which workers may share, or a file in the cache.

    The file is locked for other processes.

    Raises:
        UserError: another process runs the study in the file.
    """
    if is_shared():
        yield os.environ[STORAGE_VARIABLE]
        return
    folder = cache_folder() / "studies"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / f"{name}.lock", timeout=0):
            yield f"sqlite:///{folder}/{name}.db"
    except Timeout:
        raise UserError(
            f"another process on this machine runs the same search (study {name}); wait for it, search something else, "
            "or share one study: docs/cluster.md"
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
    state = _STATES[trial.state]
    reason = str(trial.user_attrs.get(_REASON, ""))
    loss = trial.value
    if trial.state == TrialState.PRUNED and trial.intermediate_values:
        loss = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialResult(
        number=trial.number,
        state=_INTERRUPTED if state == "failed" and not reason else state,
        values={name: round_value(trial.params[name]) for name in space if name in trial.params},
        loss=loss if state in {"finished", "pruned"} else None,
        run_id=str(trial.user_attrs.get(_RUN, "")),
        reason=reason,
    )
