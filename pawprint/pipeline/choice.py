"""`architecture=auto`: try architectures in order of promise, and choose one by its validation photos."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.models.architectures import CANDIDATES
from pawprint.models.recipe import least_mistakes
from pawprint.pipeline.chain import Chain, Outcome
from pawprint.pipeline.results import read_validation

LEAST_SHARE = 0.25
"""Share of the minutes that must be left for another architecture: less would only half train it."""


@dataclass(frozen=True)
class Choice:
    """The architecture that was chosen.

    Attributes:
        architecture: its name.
        minutes: the minutes that it was given; 0 for no bound.
        notes: what was tried, what each reached, and why this one was chosen, in sentences.
    """

    architecture: str
    minutes: float
    notes: list[str]


@dataclass(frozen=True)
class _Tried:
    """A trained candidate: its validation loss, how many validation photos it gets wrong, and its minutes."""

    name: str
    given: float
    loss: float
    mistakes: int
    photos: int
    minutes: float

    def __str__(self) -> str:
        return (
            f"{self.name} reached a validation loss of {self.loss:.4f}, with {self.mistakes} of {self.photos} "
            f"validation photos wrong, in {self.minutes:.1f} minutes."
        )


def choose_architecture(
    chain: Chain,
    unusable: Mapping[str, str],
    train: Callable[[str, float], tuple[Outcome, int]],
    *,
    minutes: float,
) -> Choice:
    """Train the candidates one after another, and return the one with the lowest validation loss.

    Nothing more is tried once the best gets so few validation photos wrong that no other could be told to be better.

    Args:
        chain: runs, reuses or plans the steps.
        unusable: candidates that other parameters rule out, each with the reason.
        train: makes the dataset of a candidate and trains it within some minutes; returns its training and the number
            of validation photos.
        minutes: time for all trainings; 0 for no bound.

    Raises:
        UserError: a step failed, the parameters rule out every candidate, or there are no validation photos.
    """
    candidates = [name for name in CANDIDATES if name not in unusable]
    if not candidates:
        raise UserError(f"architecture=auto has nothing to try: {'; '.join(unusable.values())}")
    notes = [f"{name} was not tried: {reason}." for name, reason in unusable.items()]
    tried: list[_Tried] = []
    for name in candidates:
        best = min(tried, key=lambda one: one.loss, default=None)
        left = round(minutes - sum(one.minutes for one in tried), 1) if minutes else 0.0
        if best and best.mistakes < least_mistakes(best.photos):
            notes.append(f"{name} was not tried: so few mistakes can't tell whether another would be better.")
            continue
        if minutes and left < LEAST_SHARE * minutes:
            notes.append(f"{name} was not tried: {max(left, 0):g} of {minutes:g} minutes were left.")
            continue
        outcome, photos = train(name, left)
        if outcome.run is None:
            others = candidates[candidates.index(name) + 1 :]
            chain.plan_lines += [f"train {other}: run, if that leaves enough mistakes to mend" for other in others]
            return Choice(name, left, notes)
        tried.append(_judge(name, left, outcome.run, photos))
        notes.append(str(tried[-1]))
    best = min(tried, key=lambda one: one.loss)
    why = "it has the lowest validation loss" if len(tried) > 1 else "nothing else was tried"
    return Choice(best.name, best.given, [*notes, f"{best.name} was chosen (architecture=auto): {why}."])


def _judge(name: str, given: float, trained: Run, photos: int) -> _Tried:
    loss, accuracy = read_validation(trained)
    if loss is None or accuracy is None:
        raise UserError(
            "architecture=auto chooses by validation photos, and this dataset has none; name an architecture, or say a "
            "validation_fraction above 0"
        )
    took = (trained.info.end_time - trained.info.start_time) / 60_000
    return _Tried(name, given, loss, round((1 - accuracy) * photos), photos, took)
