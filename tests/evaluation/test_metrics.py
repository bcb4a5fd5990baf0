import json
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pawprint.base.errors import UserError
from pawprint.evaluation.metrics import compute_metrics, defined_metrics

NAMES = (
    *("accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "log_loss", "ece"),
    *("accuracy_at_coverage_90", "aurc"),
)


def make_answers(num_photos: int, num_classes: int):
    rng = np.random.default_rng(5)
    labels = np.arange(num_photos) % num_classes
    logits = rng.normal(size=(num_photos, num_classes)) + 1.5 * np.eye(num_classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities.astype(np.float32)


def test_two_classes_are_scored_as_scikit_learn_scores_its_positive_class() -> None:
    labels, probabilities = make_answers(300, 2)
    predictions = probabilities.argmax(axis=1)
    document = compute_metrics(labels, probabilities, ["cats", "dogs"], resamples=200)
    metrics = document["metrics"]
    assert document["positive_class"] == "dogs"
    assert metrics["test_accuracy"] == sklearn_metrics.accuracy_score(labels, predictions)
    assert metrics["test_f1"] == pytest.approx(sklearn_metrics.f1_score(labels, predictions))
    assert metrics["test_precision"] == pytest.approx(sklearn_metrics.precision_score(labels, predictions))
    assert metrics["test_recall"] == pytest.approx(sklearn_metrics.recall_score(labels, predictions))
    assert metrics["test_roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, probabilities[:, 1]))
    assert metrics["test_log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, probabilities[:, 1]), abs=1e-5)


def test_more_classes_are_averaged() -> None:
    labels, probabilities = make_answers(300, 4)
    predictions = probabilities.argmax(axis=1)
    metrics = compute_metrics(labels, probabilities, list("abcd"), resamples=50)["metrics"]
    assert metrics["test_f1"] == pytest.approx(sklearn_metrics.f1_score(labels, predictions, average="macro"))
    assert metrics["test_balanced_accuracy"] == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(labels, predictions)
    )
    assert metrics["test_roc_auc"] == pytest.approx(
        sklearn_metrics.roc_auc_score(labels, probabilities, multi_class="ovr"), abs=1e-6
    )


def test_from_ten_classes_on_the_five_likeliest_count_too() -> None:
    labels, probabilities = make_answers(100, 10)
    metrics = compute_metrics(labels, probabilities, list("abcdefghij"), resamples=50)["metrics"]
    expected = sklearn_metrics.top_k_accuracy_score(labels, probabilities, k=5)
    assert metrics["test_top5_accuracy"] == pytest.approx(expected)
    assert metrics["test_top5_accuracy_low"] <= expected <= metrics["test_top5_accuracy_high"]


def test_every_metric_has_its_interval_and_the_same_seed_the_same_one() -> None:
    labels, probabilities = make_answers(100, 2)
    first = compute_metrics(labels, probabilities, ["cats", "dogs"], seed=4)
    assert set(first["metrics"]) == {f"test_{name}{end}" for name in NAMES for end in ("", "_low", "_high")}
    for name in set(NAMES) - {"ece"}:  # the ECE's interval can lie above it
        low, value, high = (first["metrics"][f"test_{name}{end}"] for end in ("_low", "", "_high"))
        assert low < value < high
    assert first == compute_metrics(labels, probabilities, ["cats", "dogs"], seed=4)
    assert first["metrics"] != compute_metrics(labels, probabilities, ["cats", "dogs"], seed=5)["metrics"]
    assert first["resampling"] == {"method": "percentile bootstrap", "level": 0.95, "resamples": 2000, "seed": 4}


def test_the_confusion_matrix_has_true_rows_and_predicted_columns() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    document = compute_metrics([0, 0, 0, 1], probabilities, ["cats", "dogs"], resamples=10)
    assert document["confusion_matrix"] == [[1, 2], [0, 1]]
    cats, dogs = document["per_class"]
    assert (cats["photos"], cats["predicted"], cats["precision"], cats["recall"]) == (3, 1, 1.0, pytest.approx(1 / 3))
    assert (dogs["photos"], dogs["predicted"], dogs["precision"], dogs["recall"]) == (1, 3, pytest.approx(1 / 3), 1.0)


def test_test_photos_of_one_class_leave_the_roc_auc_open() -> None:
    document = compute_metrics([0, 0, 0], np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]]), ["cats", "dogs"])
    assert document["metrics"]["test_roc_auc"] is None
    assert document["metrics"]["test_roc_auc_low"] is None
    assert document["metrics"]["test_accuracy"] == pytest.approx(2 / 3)
    assert "test_roc_auc" not in defined_metrics(document)
    assert all(math.isfinite(value) for value in defined_metrics(document).values())
    json.dumps(document, allow_nan=False)


def test_one_photo_is_scored() -> None:
    metrics = defined_metrics(compute_metrics([1], np.array([[0.2, 0.8]]), ["cats", "dogs"]))
    assert metrics["test_accuracy"] == metrics["test_accuracy_low"] == metrics["test_f1"] == 1.0


def test_a_class_never_predicted_has_no_precision_of_its_own_and_counts_as_zero() -> None:
    probabilities = np.tile([0.7, 0.3, 0.0], (6, 1))
    document = compute_metrics([0, 1, 2, 0, 1, 2], probabilities, list("abc"), resamples=20)
    assert [figures["precision"] for figures in document["per_class"]] == [pytest.approx(1 / 3), None, None]
    assert document["metrics"]["test_precision"] == pytest.approx(1 / 9)


def test_a_confident_zero_costs_much_and_not_everything() -> None:
    metrics = compute_metrics([0, 1], np.array([[0.0, 1.0], [0.0, 1.0]]), ["cats", "dogs"], resamples=10)["metrics"]
    assert metrics["test_log_loss"] == pytest.approx(-math.log(np.finfo(np.float32).eps) / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "error", "message"),
    [
        ([], np.zeros((0, 2)), UserError, "no test photos"),
        ([0], np.array([[np.nan, np.nan]]), UserError, "learning_rate"),
        ([0], np.array([[0.5, 0.4]]), ValueError, "sum to 1"),
        ([0], np.array([[1.5, -0.5]]), ValueError, "non-negative"),
        ([2], np.array([[0.5, 0.5]]), ValueError, "labels"),
        ([0], np.array([[0.5, 0.25, 0.25]]), ValueError, "expected probabilities"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, probabilities, error, message) -> None:
    with pytest.raises(error, match=message):
        compute_metrics(labels, probabilities, ["cats", "dogs"])
