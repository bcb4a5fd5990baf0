"""Every metric of every resample against scikit-learn on the photos that the resample drew."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pawprint.evaluation.bootstrap import (
    CALIBRATION_BINS,
    auc,
    confidence_bins,
    draw_weights,
    interval,
    resample_metrics,
    selective_risks,
    top_accuracy,
    weighted_metrics,
)


def make_answers(num_photos: int, num_classes: int, seed: int = 0, strength: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=num_photos)
    logits = rng.normal(size=(num_photos, num_classes))
    logits[np.arange(num_photos), labels] += strength
    # Rounded, so that ties happen.
    probabilities = np.exp(logits).round(1) + 0.1
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def sklearn_says(labels, probabilities) -> dict[str, float]:
    num_classes = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1)
    numbers = [1] if num_classes == 2 else range(num_classes)
    seen = [n for n in numbers if n in labels or n in predictions]
    present = [n for n in numbers if n in labels]
    areas = [
        sklearn_metrics.roc_auc_score(labels == n, probabilities[:, n])
        for n in numbers
        if 0 < (labels == n).sum() < len(labels)
    ]

    def average(score, among):
        if not among:
            return math.nan
        return score(labels, predictions, labels=among, average="macro", zero_division=0)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", message="A single label was found")
        balanced = sklearn_metrics.balanced_accuracy_score(labels, predictions)
    return {
        "accuracy": sklearn_metrics.accuracy_score(labels, predictions),
        "balanced_accuracy": balanced,
        "f1": average(sklearn_metrics.f1_score, seen),
        "precision": average(sklearn_metrics.precision_score, seen),
        "recall": average(sklearn_metrics.recall_score, present),
        "roc_auc": float(np.mean(areas)) if areas else math.nan,
        "log_loss": sklearn_metrics.log_loss(labels, probabilities, labels=range(num_classes)),
        "ece": plain_calibration_error(labels, probabilities),
        **plain_selective_metrics(labels, probabilities),
    }


def plain_calibration_error(labels, probabilities) -> float:
    """The paper's formula, bin by bin."""
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    error = 0.0
    for m in range(1, CALIBRATION_BINS + 1):
        inside = (confidences > (m - 1) / CALIBRATION_BINS) & (confidences <= m / CALIBRATION_BINS)
        if inside.any():
            error += inside.sum() / len(labels) * abs(correct[inside].mean() - confidences[inside].mean())
    return float(error)


def plain_selective_metrics(labels, probabilities) -> dict[str, float]:
    """The definition, k by k: the surer photos, and of equally sure ones as many as fit, all as likely."""
    confidences, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    risks = []
    for kept in range(1, len(labels) + 1):
        last = np.sort(confidences)[::-1][kept - 1]
        surer, as_sure = confidences > last, confidences == last
        risks.append((wrong[surer].sum() + wrong[as_sure].mean() * (kept - surer.sum())) / kept)
    kept = math.ceil(len(labels) * 9 / 10)
    return {"accuracy_at_coverage_90": 1 - risks[kept - 1], "aurc": float(np.mean(risks))}


@pytest.mark.parametrize(("num_photos", "num_classes"), [(40, 2), (60, 5), (3, 2), (4, 3), (1, 2)])
def test_resamples_agree_with_scikit_learn(num_photos: int, num_classes: int) -> None:
    """The small sets lack classes in most of their draws."""
    labels, probabilities = make_answers(num_photos, num_classes)
    (weights,) = draw_weights(num_photos, resamples=40, seed=1)
    values = weighted_metrics(labels, probabilities, weights)
    for column in range(40):
        drawn = np.repeat(np.arange(num_photos), weights[:, column].astype(int))
        expected = sklearn_says(labels[drawn], probabilities[drawn])
        for name, value in expected.items():
            assert values[name][column] == pytest.approx(value, abs=1e-9, nan_ok=True), name


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=6))
def test_risks_are_the_mean_over_all_orders_of_equally_sure_photos(photos: list[tuple[bool, int]]) -> None:
    wrong, confidences = np.array([photo[0] for photo in photos]), np.array([float(photo[1]) for photo in photos])
    curves = [
        np.cumsum(wrong[list(order)]) / np.arange(1, len(photos) + 1)
        for order in itertools.permutations(range(len(photos)))
        if (np.diff(confidences[list(order)]) <= 0).all()
    ]
    risks = selective_risks(wrong, confidences, np.ones((len(photos), 1)))[:, 0]
    np.testing.assert_allclose(risks, np.mean(curves, axis=0), atol=1e-12)


def test_the_true_class_is_sought_among_five_from_ten_classes_on() -> None:
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(12, size=80), rng.dirichlet(np.ones(12), size=80)
    (weights,) = draw_weights(80, resamples=20, seed=1)
    found = weighted_metrics(labels, probabilities, weights)["top5_accuracy"]
    for column in range(20):
        drawn = np.repeat(np.arange(80), weights[:, column].astype(int))
        expected = sklearn_metrics.top_k_accuracy_score(labels[drawn], probabilities[drawn], k=5, labels=range(12))
        assert found[column] == pytest.approx(expected)
    nine = top_accuracy(np.array([0]), np.full((1, 9), 1 / 9), np.ones((1, 1)))
    ten = top_accuracy(np.array([4, 5]), np.full((2, 10), 0.1), np.ones((2, 1)))
    assert nine == {}
    assert ten["top5_accuracy"].tolist() == [0.5]  # of equal classes the first come first, as in the answers


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12),
)
def test_auc_counts_the_pairs(photos: list[tuple[bool, int, int]]) -> None:
    """Against the definition: of all pairs, those where the positive scores higher, ties one half."""
    positive = np.array([photo[0] for photo in photos])
    scores = np.array([float(photo[1]) for photo in photos])
    weights = np.array([[float(photo[2])] for photo in photos])
    wins = pairs = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            both = weights[i, 0] * weights[j, 0]
            pairs += both
            wins += both * (1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    expected = wins / pairs if pairs else math.nan
    assert auc(positive, scores, weights)[0] == pytest.approx(expected, nan_ok=True)


def test_each_resample_draws_as_many_photos_as_there_are() -> None:
    blocks = list(draw_weights(7, resamples=20, seed=3))
    assert (np.concatenate([block.sum(axis=0) for block in blocks]) == 7).all()


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, probabilities = make_answers(30, 3)
    whole = resample_metrics(labels, probabilities, resamples=50, seed=0)
    monkeypatch.setattr("pawprint.evaluation.bootstrap.BLOCK_ENTRIES", 30 * 7)
    for name, values in resample_metrics(labels, probabilities, resamples=50, seed=0).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-12)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 test sets of a model that is right 80 % of the time; 95 % intervals should hold 0.8 in most."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        labels = np.tile([0, 1], 50)
        right = rng.random(100) < 0.8
        probabilities = np.eye(2)[np.where(right, labels, 1 - labels)] * 0.8 + 0.1
        low, high = interval(resample_metrics(labels, probabilities, resamples=200, seed=0)["accuracy"])
        covered += low <= 0.8 <= high
    assert 180 <= covered <= 200


def test_confidence_bins_hold_their_upper_edge() -> None:
    assert confidence_bins(np.array([0.0, 1 / 15, 0.0667, 0.5, 1.0])).tolist() == [0, 0, 1, 7, 14]


def test_interval_leaves_out_what_is_not_defined() -> None:
    assert interval(np.array([np.nan, 1.0, 3.0]), level=1.0) == (1.0, 3.0)
    assert all(math.isnan(bound) for bound in interval(np.array([np.nan])))
