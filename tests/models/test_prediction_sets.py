import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.models.prediction_sets import LEVELS, PredictionSets, fewest_photos, find_sets, read_sets


def draw_photos(rng, number, classes=4):
    """Labels, and answers that are often wrong and much too sure of themselves."""
    labels = rng.integers(classes, size=number)
    logits = 3 * rng.normal(size=(number, classes))
    logits[np.arange(number), labels] += 4
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("number", [19, 40, 150])
def test_the_promise_holds_on_average_over_calibrations(number):
    """The promise is about the mean over all draws of calibration photos; three standard errors are left to chance."""
    rng = np.random.default_rng(number)
    covered = {level: [] for level in LEVELS}
    for _ in range(600):
        sets = find_sets(*draw_photos(rng, number))
        labels, answers = draw_photos(rng, 200)
        for level in LEVELS:
            if (chosen := sets.choose(answers, level)) is not None:
                covered[level].append(chosen[np.arange(200), labels].mean())
    for level, shares in covered.items():
        assert bool(shares) == (number >= fewest_photos(level))
        if shares:
            assert np.mean(shares) > level / 100 - 3 * np.std(shares) / np.sqrt(len(shares))


@given(st.integers(0, 2**32 - 1), st.integers(1, 120), st.integers(2, 6))
def test_sets_hold_the_label_first_grow_with_the_level_and_cover_their_own_photos(seed, number, classes):
    labels, answers = draw_photos(np.random.default_rng(seed), number, classes)
    sets = find_sets(labels, answers)
    smaller = np.zeros(answers.shape, dtype=bool)
    names = [f"class {one}" for one in range(classes)]
    for level in LEVELS:
        chosen = sets.choose(answers, level)
        assert (chosen is None) == (number < fewest_photos(level))
        if chosen is None:
            assert sets.name(answers, names, level) == [None] * number
            continue
        assert not (smaller & ~chosen).any()
        assert chosen[np.arange(number), labels].mean() >= level / 100
        named = sets.name(answers, names, level)
        assert [one[0] for one in named] == [names[best] for best in answers.argmax(axis=1)]
        assert [set(one) for one in named] == [{names[at] for at in np.flatnonzero(row)} for row in chosen]
        smaller = chosen


def test_a_photo_without_an_answer_has_no_set():
    sets = PredictionSets(19, {95: 0.0})
    assert sets.name([[np.nan, np.nan], [0.5, 0.5]], ["a", "b"]) == [None, ["a", "b"]]
    assert sets.choose([[np.nan, np.nan]]).tolist() == [[False, False]]


def test_without_validation_photos_nothing_is_promised():
    sets = find_sets((), np.empty((0, 3)))
    assert sets.explain() == ("no prediction sets (0 validation photos; 90 % needs 9; 95 % needs 19; 99 % needs 99)")
    assert PredictionSets().name([[0.5, 0.5]], ["a", "b"]) == [None]


def test_they_are_read_as_they_were_written():
    sets = find_sets(*draw_photos(np.random.default_rng(0), 40))
    assert read_sets({"prediction_sets": json.loads(json.dumps(sets.describe()))}) == sets
    assert read_sets({}) == PredictionSets()


@pytest.mark.parametrize(
    "entry",
    [
        {"photos": 9, "thresholds": {"95": 1.5}},
        {"photos": 9, "thresholds": {"95": "half"}},
        {"photos": 9, "thresholds": {"many": 0.5}},
        {"photos": 9, "thresholds": {"95": float("nan")}},
        {"thresholds": {}},
        {"photos": float("inf"), "thresholds": {}},
        [],
    ],
)
def test_what_is_no_description_of_them_is_refused(entry):
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_sets({"prediction_sets": entry})
