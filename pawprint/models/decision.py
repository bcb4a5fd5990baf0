"""Decide what a model answers by itself, and what it leaves to a person.

This is selective prediction (El-Yaniv and Wiener, *On the Foundations of Noise-free Selective Classification*, 2010;
Geifman and El-Yaniv, *Selective Classification for Deep Neural Networks*, 2017): answers are given from a confidence on
that validation photos choose. A photo that is unlike anything the model learned from is left to a person in any case.
Where mistakes have costs, the answer is the class that costs least in expectation, and the costs of answers are counted
instead of mistakes (Elkan, *The Foundations of Cost-Sensitive Learning*, 2001).
This file is stored inside each model, so it imports nothing else of the project.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ASK = "ask a person"
"""What stands in place of a label."""
GOOD_ENOUGH = 0.01
"""Share of wrong answers (or mean cost) that is aimed at; where a model is far from it, half of what it has is."""
SLACK = 1e-6
"""How far below the confidence a probability may be, so that rounding errors do not decide."""


@dataclass(frozen=True)
class Answered:
    """How many of some photos a model answers by itself, and how many of these answers are wrong."""

    photos: int
    answered: int
    wrong: int
    wrong_of_all: int
    """Wrong answers if it answers all."""


@dataclass(frozen=True)
class Decision:
    """What a model answers, and from which confidence on it does so by itself.

    The confidence in an answer is its probability; with costs it is 1 less the cost to expect, as a share of the
    largest cost, which without costs would be the same.

    Attributes:
        aim: largest share of wrong answers (or mean cost) among those given, on the photos that chose the confidence.
        confidence: the lowest confidence of an answer that is given; 0 if all are, None if the aim is out of reach.
        chosen_on: the photos that it was chosen on.
        costs: cost of each answer, [k][k] with the true class in rows; None if all mistakes cost the same.
    """

    aim: float
    confidence: float | None
    chosen_on: Answered
    costs: Sequence[Sequence[float]] | None = None

    def gives(self, probabilities: ArrayLike, unlikeness: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return for which photos the model answers by itself, [n].

        Args:
            probabilities: [n, k] the network's answers.
            unlikeness: [n] its second output; None if it has none. NaN counts as like.
        """
        if self.confidence is None:
            return np.zeros(len(np.asarray(probabilities)), dtype=bool)
        given: NDArray[np.bool_] = _rank(probabilities, unlikeness, self.costs)[1] >= self.confidence - SLACK
        return given

    def name(
        self, probabilities: ArrayLike, class_names: Sequence[str], unlikeness: ArrayLike | None = None
    ) -> list[str | None]:
        """Return the label of each photo, or `ASK`; None for a photo without an answer (a row of NaN).

        >>> Decision(0.01, 0.9, Answered(20, 18, 0, 1)).name([[0.05, 0.95], [0.4, 0.6]], ["cats", "dogs"])
        ['dogs', 'ask a person']
        """
        values = np.asarray(probabilities, dtype=np.float64)
        missing = np.isnan(values[:, 0])
        values = np.nan_to_num(values)
        rows = zip(missing, self.gives(values, unlikeness), _rank(values, None, self.costs)[0], strict=True)
        return [None if lost else class_names[best] if given else ASK for lost, given, best in rows]

    def count(self, labels: ArrayLike, probabilities: ArrayLike, unlikeness: ArrayLike | None = None) -> Answered:
        """Return what the decision comes to on photos with known labels, [n]."""
        wrong = _rank(probabilities, None, self.costs)[0] != np.asarray(labels)
        given = self.gives(probabilities, unlikeness)
        return Answered(len(wrong), int(given.sum()), int(wrong[given].sum()), int(wrong.sum()))

    def describe(self) -> dict[str, Any]:
        """Return the entry `decision` of model.json."""
        return asdict(self)


def choose_decision(
    labels: ArrayLike,
    probabilities: ArrayLike,
    unlikeness: ArrayLike | None = None,
    costs: Sequence[Sequence[float]] | None = None,
) -> Decision:
    """Choose the confidence on photos with known labels.

    Of all confidences at which at most `GOOD_ENOUGH` of the given answers are wrong, or at most half the share of all
    answers if that is more, the one that answers the most photos. On average over many validation sets it reaches on
    other photos what it aims at; a single one can miss it.

    Args:
        labels: [n] class numbers of photos that the network has not learned from, at least one.
        probabilities: [n, k] the network's answers to them.
        unlikeness: [n] its second output; None if it has none.
        costs: as in `Decision`.
    """
    best, confidences = _rank(probabilities, unlikeness, costs)
    numbers = np.asarray(labels)
    spent = best != numbers if costs is None else np.asarray(costs)[numbers, best]
    aim = max(GOOD_ENOUGH, float(spent.mean()) / 2)
    order = np.argsort(-confidences, kind="stable")
    lowest = confidences[order]
    risks = np.cumsum(spent[order]) / np.arange(1, len(order) + 1)
    # A group of equal confidences is answered as a whole or not at all; what is unlike is never answered.
    ends = np.append(lowest[1:] != lowest[:-1], True) & (lowest >= 0)
    reached = np.flatnonzero(ends & (risks <= aim))
    confidence: float | None = None
    if len(reached):
        all_given = reached[-1] == (lowest >= 0).sum() - 1
        confidence = 0.0 if all_given else float(lowest[reached[-1]])
    decision = Decision(aim, confidence, Answered(0, 0, 0, 0), costs)
    return replace(decision, chosen_on=decision.count(labels, probabilities, unlikeness))


def read_decision(description: Mapping[str, Any]) -> Decision | None:
    """Return the decision in a model.json; None if there were no validation photos, or an earlier version wrote it.

    Raises:
        ValueError: the confidence is not between 0 and 1; other errors if it was not `Decision.describe` that wrote the
            entry.
    """
    entry = description.get("decision")
    if entry is None:
        return None
    confidence = entry["confidence"]
    if confidence is not None and not 0 <= confidence <= 1:
        raise ValueError(f"the confidence of the decision is {confidence}, which is no probability")
    costs = entry["costs"]
    if costs is not None and any(not isinstance(one, int | float) or one < 0 for row in costs for one in row):
        raise ValueError("the costs of the decision are no numbers of 0 or more")
    return Decision(float(entry["aim"]), confidence, Answered(**entry["chosen_on"]), costs)


def _rank(
    probabilities: ArrayLike, unlikeness: ArrayLike | None, costs: Sequence[Sequence[float]] | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the answer to each photo, and the confidence in it; -1 for one that is unlike the training's."""
    values = np.asarray(probabilities, dtype=np.float64)
    answers, confidences = values.argmax(axis=1), values.max(axis=1)
    if costs is not None:
        expected = values @ np.asarray(costs)
        answers, confidences = expected.argmin(axis=1), 1 - expected.min(axis=1) / (np.max(costs) or 1)
    unlike = np.zeros(len(values), dtype=bool) if unlikeness is None else np.asarray(unlikeness) > 1
    return answers, np.where(unlike, -1.0, confidences)
