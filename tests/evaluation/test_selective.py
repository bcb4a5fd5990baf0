"""What can be left to a model: chosen on validation photos, checked on test photos, said in words that are true."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawprint.evaluation.selective import (
    Selection,
    check_decision,
    describe_selection,
    explain_selection,
    read_selection,
    selection_metrics,
    summarize_selection,
)
from pawprint.models.decision import Answered, choose_decision


def select_answers(validation, test):
    return check_decision(choose_decision(*validation), *test)


def answer(confidences, right):
    """Labels and probabilities of photos that a model of two classes calls dogs."""
    confidences = np.asarray(confidences, dtype=float)
    return np.asarray(right, dtype=np.int64), np.stack([1 - confidences, confidences], axis=1)


TEST = answer([0.95, 0.9, 0.7, 0.6], [1, 1, 0, 1])


def test_the_most_photos_are_answered_that_halve_the_wrong_share() -> None:
    validation = answer([0.99, 0.98, 0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1, 0, 0])
    chosen = select_answers(validation, TEST)
    assert chosen == Selection(1 / 6, 0.8, Answered(6, 4, 0, 2), Answered(4, 2, 0, 1))
    # Nearly as sure and right: one more may be answered, the wrong one before it included.
    validation = answer([0.99, 0.98, 0.9, 0.8, 0.75, 0.7, 0.65, 0.6], [1, 1, 1, 1, 0, 1, 0, 0])
    assert select_answers(validation, TEST).validation == Answered(8, 6, 1, 3)


def test_a_model_that_is_good_enough_answers_all() -> None:
    validation = answer(np.linspace(0.6, 0.99, 200), [0, *[1] * 199])
    chosen = select_answers(validation, TEST)
    assert chosen.confidence == 0
    assert chosen.test.answered == chosen.test.photos


def test_equally_sure_answers_stay_together() -> None:
    """Two of three that are equally sure are right, whatever their order."""
    for right in ([1, 1, 0], [0, 1, 1]):
        chosen = select_answers(answer([0.9] * 5 + [0.8] * 3, [1] * 5 + right), TEST)
        assert chosen.validation == Answered(8, 5, 0, 1)


def test_a_model_that_errs_where_it_is_surest_is_left_nothing() -> None:
    chosen = select_answers(answer([0.99, 0.9, 0.6], [0, 0, 1]), TEST)
    assert chosen.confidence is None
    assert summarize_selection(chosen) == "No answer should be left to it alone."
    assert "no confidence would halve the share of wrong answers" in explain_selection(chosen)
    assert selection_metrics(chosen) == {
        "test_answered": 0,
        "test_answered_low": 0,
        "test_answered_high": pytest.approx(0.49, abs=0.01),
    }


def test_the_test_photos_choose_nothing() -> None:
    validation = answer([0.99, 0.9, 0.7, 0.6], [1, 1, 1, 0])
    first, second = select_answers(validation, TEST), select_answers(validation, answer([0.6, 0.9], [0, 0]))
    assert (first.aim, first.confidence, first.validation) == (second.aim, second.confidence, second.validation)
    assert first.test != second.test


def test_on_average_it_reaches_what_it_aims_at() -> None:
    """150 photos choose a confidence for a model that is right as often as it says; other photos check it."""
    rng = np.random.default_rng(0)
    reached, aimed = [], []
    for _ in range(200):
        sides = []
        for photos in (150, 2000):
            dogs = rng.beta(0.1, 0.1, size=photos)
            sides.append(((rng.random(photos) < dogs).astype(np.int64), np.stack([1 - dogs, dogs], axis=1)))
        chosen = select_answers(sides[0], sides[1])
        reached.append(chosen.test.wrong / chosen.test.answered)
        aimed.append(chosen.aim)
    assert np.mean(reached) == pytest.approx(np.mean(aimed), rel=0.15)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (Answered(500, 480, 5, 12), "Of 100 photos it will answer 96 by itself, and 1 of these wrongly."),
        (Answered(300, 287, 7, 12), "Of 100 photos it will answer about 96 by itself, and about 2 of these wrongly."),
        (Answered(500, 480, 1, 12), "Of 1,000 photos it will answer 960 by itself, and 2 of these wrongly."),
        (Answered(500, 499, 5, 6), "Of 1,000 photos it will answer 998 by itself, and 10 of these wrongly."),
        (Answered(500, 500, 5, 5), "Of 100 photos it will answer all by itself, and 1 of these wrongly."),
        (
            Answered(500, 480, 0, 5),
            "Of 100 photos it will answer 96 by itself; in the test all 480 answers were right.",
        ),
        (Answered(500, 0, 0, 5), "It will leave every photo to a person."),
    ],
)
def test_the_sentence_is_true_for_the_figures(test: Answered, said: str) -> None:
    assert summarize_selection(Selection(0.01, 0.8, Answered(150, 144, 1, 3), test)) == said


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_what_is_rare_never_reads_as_never(photos: int, data: st.DataObject) -> None:
    answered = data.draw(st.integers(1, photos))
    wrong = data.draw(st.integers(0, answered))
    said = summarize_selection(Selection(0.01, 0.5, Answered(150, 144, 1, 3), Answered(photos, answered, wrong, wrong)))
    assert ("all by itself" in said) == (answered == photos)
    assert ("right" in said) == (not wrong)
    assert "about 0 " not in said


def test_what_it_rests_on_is_said() -> None:
    chosen = Selection(0.01, 0.831, Answered(150, 144, 1, 3), Answered(500, 480, 5, 12))
    text = explain_selection(chosen)
    for said in (
        "83.1 %",
        "within 1 %",
        "150 validation photos",
        "500 test photos",
        "answers 480",
        "5 of them wrongly",
    ):
        assert said in text
    assert "roughly" not in text
    assert "promised" not in text
    few = explain_selection(Selection(0.05, 0.9, Answered(20, 14, 0, 2), Answered(500, 300, 60, 90)))
    assert "So few photos choose only roughly" in few
    assert "clearly more than the 5.0 % that the validation photos promised" in few


def test_it_is_read_from_the_metrics_as_it_was_written() -> None:
    chosen = Selection(0.01, 0.831, Answered(150, 144, 1, 3), Answered(500, 480, 5, 12))
    assert read_selection({"selection": asdict(chosen)}) == chosen
    assert read_selection({}) is None
    assert "there are none" in describe_selection({"selection": None})


def test_by_costs_it_says_nothing_of_shares_that_it_did_not_aim_at() -> None:
    chosen = Selection(0.05, 0.9, Answered(150, 140, 3, 8), Answered(500, 450, 60, 90), by_cost=True)
    text = explain_selection(chosen)
    assert "what costs least" in text
    assert "keep the mean cost of an answer within 0.05" in text
    assert "promised" not in text
    assert read_selection({"selection": asdict(chosen)}) == chosen
