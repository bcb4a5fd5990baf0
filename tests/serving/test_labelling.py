"""Which photos are worth a label: uncertain ones, and not fifty of one kind."""

import numpy as np
import pytest

from pawprint.photos.collection import Photo
from pawprint.serving import labelling
from pawprint.serving.labelling import Shortlist, Uncertain, choose_photos, measure_uncertainty, shorten

KINDS = 5


def directions(kinds: np.ndarray, seed: int = 0) -> np.ndarray:
    """Photos of a few kinds, each kind in a direction of its own."""
    rng = np.random.default_rng(seed)
    found = np.eye(KINDS, 8)[kinds] + 0.05 * rng.normal(size=(len(kinds), 8))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_the_first_photos_are_of_all_kinds() -> None:
    kinds = np.repeat(np.arange(KINDS), [400, 50, 20, 20, 10])
    places = choose_photos(np.full(len(kinds), 0.5), directions(kinds))
    assert len(set(places)) == len(places) == labelling.MOST_CHOSEN
    assert set(kinds[places[: 2 * KINDS]]) == set(range(KINDS))  # of the most uncertain alone, four fifths are of one
    assert choose_photos(np.full(len(kinds), 0.5), directions(kinds)) == places


def test_the_uncertain_come_before_the_sure() -> None:
    kinds = np.arange(600) % KINDS
    sure = np.arange(600) < 300
    places = choose_photos(np.where(sure, 0.01, 0.9), directions(kinds))
    assert not sure[places[:20]].any()


@pytest.mark.filterwarnings("error")
def test_copies_and_surety_alone_are_no_mistake() -> None:
    same = np.ones((7, 3), np.float32) / np.sqrt(np.float32(3))
    assert 1 <= len(choose_photos(np.zeros(7), same)) <= 7
    assert choose_photos(np.zeros(1), same[:1]) == [0]


def test_shortened_features_keep_distances_and_come_out_the_same_in_every_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 1280)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    short = shorten(features)
    assert short.shape == (50, 128)
    assert short.dtype == np.float32
    ratios = np.linalg.norm(short[1:] - short[0], axis=1) / np.linalg.norm(features[1:] - features[0], axis=1)
    assert 0.75 < ratios.min() <= ratios.max() < 1.25
    # Memory that is not set may hold what is no number, which scikit-learn refuses.
    monkeypatch.setattr(np, "empty", lambda shape, *_: np.full(shape, np.nan))
    labelling._projection.cache_clear()
    np.testing.assert_array_equal(shorten(features), short)
    assert shorten(features[:, :40]).shape == (50, 40)
    assert shorten(features[:0]).shape[0] == 0


def test_what_is_unlike_anything_is_as_uncertain_as_can_be() -> None:
    answers = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [np.nan] * 3], np.float32)
    found = measure_uncertainty(answers, np.array([False, True, False]))
    np.testing.assert_allclose(found, [0.8, 1, np.nan], atol=1e-6)


def answered(number: int, uncertainty: float, features: int = 4) -> Uncertain:
    described = np.eye(features, dtype=np.float32)[number % features] if features else np.empty(0, np.float32)
    photo = Photo(0, f"{number}.jpg", "", None)
    return Uncertain(photo, f"{number}.jpg", np.array([0.5, 0.5], np.float32), False, uncertainty, described)


def test_memory_stays_flat_and_the_most_uncertain_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "MOST_KEPT", 10)
    shortlist = Shortlist()
    for number in range(100):
        shortlist.add(answered(number, number / 100))
        assert len(shortlist.photos) < 20
    assert {one.name for one in shortlist.choose()} <= {f"{number}.jpg" for number in range(90, 100)}


def test_without_features_they_are_the_most_uncertain() -> None:
    shortlist = Shortlist([answered(number, number / 10, features=0) for number in range(10)])
    assert [one.name for one in shortlist.choose()] == [f"{number}.jpg" for number in range(9, -1, -1)]
    assert Shortlist().choose() == []
