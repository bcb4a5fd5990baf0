import numpy as np

from pawprint.evaluation.doubts import Predictions, find_doubts
from pawprint.evaluation.second_opinion import cross_validate


def test_flipped_labels_are_doubted_though_a_model_learned_them() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 60)
    features = rng.normal(size=(180, 40)) + 2.5 * np.eye(3)[truth] @ rng.normal(size=(3, 40))
    flipped = rng.choice(180, 9, replace=False)
    labels = truth.copy()
    labels[flipped] = (labels[flipped] + 1) % 3
    probabilities = cross_validate(features, labels, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities[:, 3].max() == 0  # a class without photos
    members = tuple(map(str, range(180)))
    doubts = find_doubts([Predictions("train", members, labels, probabilities)], ["a", "b", "c", "d"])
    assert {int(doubt.member) for doubt in doubts[:9]} == set(flipped)
    assert all(doubt.suggestion == "abc"[truth[int(doubt.member)]] for doubt in doubts[:9])


def test_the_smallest_set_that_can_be_trained_on_is_judged() -> None:
    probabilities = cross_validate(np.eye(4), np.array([0, 0, 1, 1]), 2)
    assert probabilities.shape == (4, 2)
    assert np.isfinite(probabilities).all()


def test_training_photos_have_thresholds_of_their_own() -> None:
    """A cautious second opinion is no reason to doubt what a sure network says of other photos."""
    labels = np.array([0, 0, 1, 1])
    sure = np.array([[0.99, 0.01], [0.98, 0.02], [0.01, 0.99], [0.9, 0.1]])
    cautious = np.array([[0.6, 0.4], [0.55, 0.45], [0.4, 0.6], [0.58, 0.42]])
    test = Predictions("test", ("a", "b", "c", "d"), labels, sure)
    train = Predictions("train", ("e", "f", "g", "h"), labels, cautious)
    both = {doubt.member for doubt in find_doubts([train, test], ["x", "y"])}
    alone = {doubt.member for one in (train, test) for doubt in find_doubts([one], ["x", "y"])}
    assert both == alone
    assert "h" in both
