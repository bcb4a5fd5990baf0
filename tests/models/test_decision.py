"""What a model answers by itself: chosen on validation photos, stored with it, the same everywhere."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pawprint.models.decision import ASK, Answered, Decision, choose_decision, read_decision


def answer(confidences):
    """Probabilities of photos that a model of two classes calls dogs."""
    return np.stack([1 - np.asarray(confidences), confidences], axis=1)


def test_what_is_unlike_anything_it_learned_is_left_to_a_person_however_sure_it_is() -> None:
    probabilities, unlikeness = answer([0.99, 0.98, 0.9, 0.7, 0.6]), [0.1, 1.2, 0.5, 0.5, 0.5]
    decision = choose_decision([1, 0, 1, 1, 0], probabilities, unlikeness)
    # Without the strange one, three of four are right; the surest three are answered.
    assert decision.confidence == 0.7
    assert decision.chosen_on == Answered(5, 3, 0, 2)
    assert decision.name(probabilities, ["cats", "dogs"], unlikeness) == ["dogs", ASK, "dogs", "dogs", ASK]


def test_all_that_is_alike_is_answered_where_no_answer_is_wrong() -> None:
    decision = choose_decision([1, 1, 1], answer([0.9, 0.8, 0.7]), [0.5, 2, 0.5])
    assert (decision.confidence, decision.chosen_on) == (0, Answered(3, 2, 0, 0))
    assert decision.gives(answer([0.51, 0.99]), [0.5, 1.5]).tolist() == [True, False]


def test_where_the_aim_is_out_of_reach_or_all_is_strange_nothing_is_answered() -> None:
    for labels, unlikeness in (([0, 0, 1], None), ([1, 1, 1], [2, 2, 2])):
        decision = choose_decision(labels, answer([0.99, 0.9, 0.6]), unlikeness)
        assert decision.confidence is None
        assert decision.name(answer([1.0]), ["cats", "dogs"]) == [ASK]


def test_a_photo_without_an_answer_has_no_decision() -> None:
    decision = Decision(0.01, 0.0, Answered(9, 9, 0, 0))
    assert decision.name([[np.nan, np.nan], [0.4, 0.6]], ["cats", "dogs"], [np.nan, np.nan]) == [None, "dogs"]


def test_rounding_does_not_decide() -> None:
    decision = choose_decision([1, 0], answer([0.9, 0.6]))
    assert decision.gives(answer([0.9]).astype(np.float32)).tolist() == [True]


def test_it_is_read_as_it_was_stored_and_nonsense_is_refused() -> None:
    decision = choose_decision([1, 1, 0], answer([0.9, 0.8, 0.6]))
    assert read_decision(json.loads(json.dumps({"decision": decision.describe()}))) == decision
    assert read_decision({}) is None
    with pytest.raises(ValueError, match=r"confidence of the decision is 1\.5, which is no probability"):
        read_decision({"decision": decision.describe() | {"confidence": 1.5}})


def test_where_mistakes_have_costs_the_cheapest_is_answered_and_what_may_cost_much_is_left_to_a_person() -> None:
    costs = [[0, 5], [1, 0]]  # a cat called a dog costs 5: dogs from 5/6 on
    probabilities = answer([0.99, 0.95, 0.8, 0.7, 0.1, 0.05])
    decision = choose_decision([1, 1, 0, 1, 0, 0], probabilities, costs=costs)
    answers = replace(decision, confidence=0.0).name(answer([0.82, 0.84]), ["cats", "dogs"])
    assert answers == ["cats", "dogs"]
    # Alone it would call 0.7 a cat, which costs 1 in six photos; half of that is allowed.
    assert decision.aim == pytest.approx(1 / 12)
    assert decision.chosen_on == Answered(6, 4, 0, 1)
    assert decision.name(probabilities, ["cats", "dogs"]) == ["dogs", "dogs", ASK, ASK, "cats", "cats"]
    assert read_decision(json.loads(json.dumps({"decision": decision.describe()}))) == decision
    with pytest.raises(ValueError, match="no numbers of 0 or more"):
        read_decision({"decision": decision.describe() | {"costs": [[0, -5], [1, 0]]}})


@pytest.mark.parametrize("costs", [None, [[0, 1], [1, 0]], [[0, 3], [3, 0]]])
def test_equal_costs_decide_as_none_do(costs) -> None:
    rng = np.random.default_rng(0)
    dogs = rng.beta(0.5, 0.5, size=200)
    labels = (rng.random(200) < dogs).astype(int)
    plain, decision = choose_decision(labels, answer(dogs)), choose_decision(labels, answer(dogs), costs=costs)
    assert decision.confidence == pytest.approx(plain.confidence)
    assert decision.chosen_on == plain.chosen_on
