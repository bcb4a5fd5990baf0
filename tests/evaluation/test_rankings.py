"""The ranking of a class gives what scikit-learn computes from all photos, and resamples are close to exact ones."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from pawprint.evaluation import rankings
from pawprint.evaluation.bootstrap import interval, resample_metrics
from pawprint.evaluation.doubts import read_predictions
from pawprint.evaluation.metrics import compute_metrics
from pawprint.evaluation.rankings import rank
from pawprint.evaluation.results import write_predictions


def make_answers(num_photos: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(num_classes, size=num_photos)
    logits = rng.normal(size=(num_photos, num_classes)).round(1)  # ties
    logits[np.arange(num_photos), labels] += 1
    values = np.exp(logits)
    return labels, (values / values.sum(axis=1, keepdims=True)).round(2)


@pytest.mark.parametrize("number", range(3))
def test_areas_and_curves_are_scikit_learns(number: int) -> None:
    labels, values = make_answers(400, 3)
    found, own = rank(labels, values, number), labels == number
    assert found is not None
    assert found.auc == pytest.approx(sklearn_metrics.roc_auc_score(own, values[:, number]))
    assert found.average_precision == pytest.approx(sklearn_metrics.average_precision_score(own, values[:, number]))
    assert sklearn_metrics.auc(*found.roc()) == pytest.approx(found.auc)
    recall, precision = found.precision_recall()
    expected = sklearn_metrics.precision_recall_curve(own, values[:, number])
    assert set(zip(recall.round(9), precision.round(9), strict=True)) <= set(
        zip(expected[1].round(9), expected[0].round(9), strict=True)
    )


def test_a_class_without_photos_has_no_ranking() -> None:
    labels, values = make_answers(30, 3)
    assert rank(np.zeros(30, np.int64), values, 0) is None
    assert rank(np.zeros(30, np.int64), values, 1) is None
    assert rank(labels, values, 0) is not None


def test_with_many_photos_the_figures_stay_and_intervals_are_close(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, values = make_answers(1500, 12)
    values /= values.sum(axis=1, keepdims=True)
    exact = resample_metrics(labels, values, resamples=400, seed=0)
    names = [f"class {number}" for number in range(12)]
    of_few = compute_metrics(labels, values, names, resamples=50)
    monkeypatch.setattr(rankings, "MANY", 1000)
    close = resample_metrics(labels, values, resamples=400, seed=0)
    for name, draws in exact.items():
        if name != "roc_auc":
            np.testing.assert_array_equal(close[name], draws)
    assert np.corrcoef(close["roc_auc"], exact["roc_auc"])[0, 1] > 0.99
    assert interval(close["roc_auc"]) == pytest.approx(interval(exact["roc_auc"]), abs=5e-4)
    of_many = compute_metrics(labels, values.astype(np.float32), names, resamples=50)
    for name, value in of_few["metrics"].items():
        assert of_many["metrics"][name] == pytest.approx(value, abs=3e-3), name


def test_many_predictions_are_read_back_from_parquet(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawprint.evaluation.results.MOST_IN_CSV", 1000)
    names = [f"class {number}" for number in range(30)]
    labels, values = make_answers(90, 30)
    members = tuple(f"{number}.jpg" for number in range(90))
    write_predictions(labels, values.astype(np.float32), names, members, tmp_path / "predictions.csv")
    head = (tmp_path / "predictions.csv").read_text().splitlines()[0]
    assert head == "member,label,prediction,correct,probability"
    back = read_predictions(tmp_path / "predictions.csv", "test", names)
    assert back.members == members
    np.testing.assert_array_equal(back.labels, labels)
    np.testing.assert_array_equal(back.probabilities, values.astype(np.float32))
