"""Check on the test photos which answers a model gives by itself and which it leaves to a person, and say it in words.

The validation photos choose what is left to a person, at the end of the training (`pawprint/models/decision.py`); the
test photos only check it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.slices import wilson_interval
from pawprint.evaluation.style import percent
from pawprint.models.decision import GOOD_ENOUGH, Answered, Decision

FEW = 100
"""Validation photos below which a single one is more than 1 %."""


@dataclass(frozen=True)
class Selection:
    """From which confidence on a model answers by itself.

    Attributes:
        aim: largest share of wrong answers among those given, on the validation photos.
        confidence: the lowest probability of an answer that is given; 0 if all are, None if the aim is out of reach.
        validation: the photos that it was chosen on.
        test: the photos that it was checked on.
        by_cost: whether mistakes have costs, so that `aim` is a mean cost, and `confidence` no probability.
    """

    aim: float
    confidence: float | None
    validation: Answered
    test: Answered
    by_cost: bool = False


def check_decision(
    decision: Decision, labels: Integers, probabilities: Floats, unlikeness: Floats | None = None
) -> Selection:
    """Count what a decision comes to on the test photos.

    Args:
        decision: the decision.
        labels: [n] class numbers of the test photos.
        probabilities: [n, k] the network's answers to them.
        unlikeness: [n] its second output; None if it has none.
    """
    test = decision.count(labels, probabilities, unlikeness)
    return Selection(decision.aim, decision.confidence, decision.chosen_on, test, decision.costs is not None)


def read_selection(document: Mapping[str, Any]) -> Selection | None:
    """Return the selection in a metrics.json; None if there were no validation photos, or an older version wrote it."""
    stored = document.get("selection")
    if stored is None:
        return None
    validation, test = (Answered(**stored[name]) for name in ("validation", "test"))
    return Selection(stored["aim"], stored["confidence"], validation, test, stored.get("by_cost", False))


def selection_metrics(selection: Selection) -> dict[str, float]:
    """Return the metrics: the share of test photos answered, and the accuracy on them, each with Wilson's interval."""
    test = selection.test
    shares = {"test_answered": (test.answered, test.photos)}
    if test.answered:
        shares["test_answered_accuracy"] = (test.answered - test.wrong, test.answered)
    metrics: dict[str, float] = {}
    for name, (part, whole) in shares.items():
        low, high = wilson_interval(part, whole)
        metrics |= {name: part / whole, f"{name}_low": low, f"{name}_high": high}
    return metrics


def summarize_selection(selection: Selection) -> str:
    """Return in one sentence what can be left to the model.

    >>> summarize_selection(Selection(0.01, 0.8, Answered(150, 144, 1, 3), Answered(500, 480, 5, 12)))
    'Of 100 photos it will answer 96 by itself, and 1 of these wrongly.'
    """
    test = selection.test
    if selection.confidence is None:
        return "No answer should be left to it alone."
    if not test.answered:
        return "It will leave every photo to a person."
    base = next((base for base in (100, 1000) if _fits(base, test)), 10_000)
    answered = "all" if test.answered == test.photos else _about(base * test.answered / test.photos)
    said = f"Of {base:,} photos it will answer {answered} by itself"
    if not test.wrong:
        right = f"all {test.answered:,} answers were" if test.answered > 1 else "the only answer was"
        return f"{said}; in the test {right} right."
    return f"{said}, and {_about(base * test.wrong / test.photos)} of these wrongly."


def explain_selection(selection: Selection) -> str:
    """Return in a few sentences what `summarize_selection` rests on."""
    test, chosen = selection.test, selection.validation
    held_out = _photos(chosen.photos, "validation")
    aim = "keep wrong answers within 1 %" if selection.aim == GOOD_ENOUGH else "halve the share of wrong answers"
    where = f"where it is sure to {percent(selection.confidence or 0)} or more,"
    if selection.by_cost:
        aim = f"keep the mean cost of an answer within {selection.aim:.2g}"
        where = "what costs least, where that is to be expected to cost little,"
    if selection.confidence is None:
        return f"On the {held_out} no confidence would {aim}."
    if selection.confidence == 0 and chosen.answered == chosen.photos:
        how = f"On the {held_out} it answers all, {chosen.wrong:,} wrongly, so none needs to be left to a person"
    elif selection.confidence == 0:
        how = (
            f"It leaves to a person only what is unlike anything it learned from: on the {held_out} it answers "
            f"{chosen.answered:,}, {chosen.wrong:,} wrongly"
        )
    else:
        how = (
            f"It answers {where} and leaves the rest, and what is unlike anything it learned from, to a person. "
            f"That was chosen to {aim} on the {held_out} ({chosen.answered:,} answered, {chosen.wrong:,} wrongly)"
        )
    if chosen.photos < FEW:
        how += ". So few photos choose only roughly"
    counted = f"Counted on the {_photos(test.photos, 'test')}, which chose nothing: it answers {test.answered:,}"
    if test.answered:
        low, high = (percent(bound) for bound in wilson_interval(test.wrong, test.answered))
        share = percent(test.wrong / test.answered)
        counted += f", {test.wrong:,} of them wrongly ({share}, 95 % interval {low} to {high})"
    if test.answered < test.photos:
        counted += f"; if it answered all, {test.wrong_of_all:,} would be wrong"
    if test.answered and not selection.by_cost and wilson_interval(test.wrong, test.answered)[0] > selection.aim:
        counted += f". That is clearly more than the {percent(selection.aim)} that the validation photos promised"
    return f"{how}. {counted}."


WITHOUT = (
    "Which answers to leave to a person can't be said: that is chosen on validation photos of the dataset that the "
    "model learned from, and there are none"
)
"""What is said of a model without a selection."""


def describe_selection(document: Mapping[str, Any]) -> str:
    """Return all that is to be said about the selection in a metrics.json."""
    selection = read_selection(document)
    return f"{summarize_selection(selection)} {explain_selection(selection)}" if selection else f"{WITHOUT}."


def _fits(base: int, test: Answered) -> bool:
    """Return whether counts out of `base` photos are whole photos enough: what is not 0 or all doesn't become it."""
    answered, wrong = base * test.answered / test.photos, base * test.wrong / test.photos
    partly = 0 < test.answered < test.photos
    return (not test.wrong or round(wrong) >= 1) and (not partly or 1 <= round(answered) < base)


def _about(number: float) -> str:
    whole = round(number)
    return f"{whole:,}" if abs(number - whole) < 1e-9 else f"about {whole:,}"


def _photos(number: int, kind: str = "") -> str:
    return f"{number:,} {kind} photo{'' if number == 1 else 's'}".replace("  ", " ")
