"""Whether corrections helped: a claim only where chance does not explain it."""

import pytest

from pawprint.evaluation.comparison import compare_answers
from pawprint.report.effect import Effect


def compare(only_before: int, only_after: int) -> Effect:
    was = [True] * only_before + [False] * only_after + [True] * 50
    now = [False] * only_before + [True] * only_after + [True] * 50
    shares = [sum(answers) / len(answers) for answers in (was, now)]
    return Effect("0" * 32, compare_answers(was, now), before=shares[0], after=shares[1])


@pytest.mark.parametrize(
    ("only_before", "only_after", "said"),
    [
        (2, 8, "nothing is claimed"),
        (0, 0, "nothing is claimed"),
        (1, 20, "more than chance: it helped"),
        (20, 1, "it did harm"),
    ],
)
def test_nothing_is_claimed_within_chance(only_before: int, only_after: int, said: str) -> None:
    text = compare(only_before, only_after).describe()
    assert said in text
    assert ("more than chance: " in text) == (said != "nothing is claimed")
    assert f"right on {only_before} of them, only this one on {only_after}" in text


def test_what_else_differs_and_corrected_test_photos_are_said() -> None:
    found = compare(1, 20)
    text = Effect(found.run_id, found.comparison, test_photos=3, differing=["epochs 2 -> 30"]).describe()
    assert "both judged by the corrected labels" in text
    assert text.endswith("Not only the labels differ: epochs 2 -> 30")


def test_a_run_that_is_gone_leaves_it_open() -> None:
    assert "is not known" in Effect("0" * 32).describe()
