"""Compute the metrics of a model on its test photos, each with a bootstrap 95 % interval.

Takes labels and probabilities; `results.py` writes the result as metrics.json. The values are scikit-learn's. The
resamples behind the intervals are our own (`bootstrap.py`), and the tests compare them with scikit-learn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics as sklearn_metrics

from pawprint.base.errors import UserError
from pawprint.evaluation.bootstrap import (
    CALIBRATION_BINS,
    Floats,
    Integers,
    calibration_gaps,
    interval,
    photo_losses,
    resample_metrics,
    selective_metrics,
    top_accuracy,
)
from pawprint.evaluation.rankings import averaged_classes, is_many, rank

SCHEMA_VERSION = 1


def compute_metrics(
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compute the content of metrics.json.

    With two classes, F1, precision and recall are those of the second (`positive_class`); with more, they are the mean
    over classes, and the ROC AUC is the mean of each class against the rest. A metric that is undefined for these
    photos (the ROC AUC of photos of one class) is None, and so are its bounds.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] in the order of `class_names`.
        class_names: the k classes in sorted order.
        resamples: the number of bootstrap draws behind each interval.
        seed: the seed of the draws.

    Returns:
        JSON-ready: `schema_version`, `num_photos`, `class_names`, `positive_class` (None unless two classes),
        `metrics` (name -> value, with `_low` and `_high`), `resampling`, `calibration_bins`, `confusion_matrix`
        (rows true, columns predicted) and `per_class`.

    Raises:
        UserError: there are no test photos, or the probabilities are not finite (the training diverged).
        ValueError: shapes or values do not match.
    """
    labels, probabilities = check_predictions(labels, probabilities, len(class_names))
    points = point_metrics(labels, probabilities)
    draws = resample_metrics(labels, probabilities, resamples=resamples, seed=seed)
    metrics: dict[str, float | None] = {}
    for name, value in points.items():
        low, high = interval(draws[name])
        if math.isnan(value):
            low = high = value
        metrics |= {
            f"test_{name}": defined(value),
            f"test_{name}_low": defined(low),
            f"test_{name}_high": defined(high),
        }
    confusion = sklearn_metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(len(class_names)))
    return {
        "schema_version": SCHEMA_VERSION,
        "num_photos": len(labels),
        "class_names": list(class_names),
        "positive_class": class_names[1] if len(class_names) == 2 else None,
        "metrics": metrics,
        "resampling": {
            "method": "percentile bootstrap",
            "level": 0.95,
            "resamples": resamples,
            "seed": seed,
        },
        "calibration_bins": CALIBRATION_BINS,
        "confusion_matrix": confusion.tolist(),
        "per_class": class_figures(labels, probabilities, class_names),
    }


def defined_metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a metrics.json that have a value: MLflow's charts cannot show None."""
    return {name: value for name, value in document["metrics"].items() if value is not None}


def check_predictions(labels: ArrayLike, probabilities: ArrayLike, num_classes: int) -> tuple[Integers, Floats]:
    """Return labels as int64 [n] and probabilities as float64 [n, k] whose rows sum to exactly 1.

    A float32 softmax sums to 1 only to about six digits, and scikit-learn would warn about that. `MANY` probabilities
    are returned as they are: a copy in float64 takes a gigabyte, and scikit-learn does not see them.
    """
    label_numbers = np.asarray(labels, dtype=np.int64)
    many = is_many(np.asarray(probabilities))
    values = np.asarray(probabilities) if many else np.asarray(probabilities, dtype=np.float64)
    if not len(label_numbers):
        raise UserError("there are no test photos to evaluate on; preprocess again with test_images of at least 1")
    if num_classes < 2 or values.shape != (len(label_numbers), num_classes):
        raise ValueError(f"expected probabilities {(len(label_numbers), num_classes)}, got {values.shape}")
    if label_numbers.min() < 0 or label_numbers.max() >= num_classes:
        raise ValueError(f"labels must lie in 0..{num_classes - 1}")
    if not np.isfinite(values).all():
        raise UserError(
            "the model answers with values that are not numbers, so its training diverged; "
            "train again with a smaller learning_rate"
        )
    sums = values.sum(axis=1, keepdims=True)
    if values.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise ValueError("each row of probabilities must be non-negative and sum to 1")
    return label_numbers, values if many else values / sums


def point_metrics(labels: Integers, probabilities: Floats) -> dict[str, float]:
    """Compute the metrics on the test photos with scikit-learn; NaN if one is undefined.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.
    """
    num_classes = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1)
    present = np.unique(labels)
    seen = np.union1d(labels, predictions)
    averaged = averaged_classes(num_classes)

    def average(score: Any, among: Integers) -> float:
        # By label numbers instead of average="binary": so the rule for a missing class (see resample_metrics) is the
        # same for two classes as for more.
        numbers = [number for number in averaged if number in among]
        if not numbers:
            return float("nan")
        return float(score(labels, predictions, labels=numbers, average="macro", zero_division=0))

    once = np.ones((len(labels), 1))
    unaveraged = selective_metrics(labels, probabilities, once) | top_accuracy(labels, probabilities, once)
    areas = [area for number in averaged if not math.isnan(area := class_auc(labels, probabilities, number))]
    return {
        "accuracy": float(sklearn_metrics.accuracy_score(labels, predictions)),
        # The definition of balanced_accuracy_score, without its warning about a predicted class that has no photos.
        "balanced_accuracy": float(sklearn_metrics.recall_score(labels, predictions, labels=present, average="macro")),
        "f1": average(sklearn_metrics.f1_score, seen),
        "precision": average(sklearn_metrics.precision_score, seen),
        "recall": average(sklearn_metrics.recall_score, present),
        "roc_auc": float(np.mean(areas)) if areas else float("nan"),
        # Not sklearn's log_loss: its lower limit for a confident zero depends on the dtype of its input.
        "log_loss": float(photo_losses(labels, probabilities).mean()),
        "ece": float(np.abs(calibration_gaps(labels, probabilities).sum(axis=1)).sum() / len(labels)),
        **{name: float(value[0]) for name, value in unaveraged.items()},
    }


def class_figures(labels: Integers, probabilities: Floats, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Return each class's figures: photos, times predicted, precision, recall, F1 and ROC AUC against the rest.

    Precision is None for a class that is never predicted, recall for one without photos, F1 if either is None.
    """
    predictions = probabilities.argmax(axis=1)
    figures = []
    for number, name in enumerate(class_names):
        support = int((labels == number).sum())
        predicted = int((predictions == number).sum())
        hits = int(((labels == number) & (predictions == number)).sum())
        figures.append(
            {
                "class_name": name,
                "photos": support,
                "predicted": predicted,
                "precision": hits / predicted if predicted else None,
                "recall": hits / support if support else None,
                "f1": 2 * hits / (support + predicted) if support + predicted else None,
                "roc_auc": defined(class_auc(labels, probabilities, number)),
            }
        )
    return figures


def class_auc(labels: Integers, probabilities: Floats, number: int) -> float:
    """Compute the ROC AUC of one class against the rest; NaN if all photos are of the class, or none."""
    if is_many(probabilities):
        ranking = rank(labels, probabilities, number)
        return ranking.auc if ranking else float("nan")
    positive = labels == number
    if positive.all() or not positive.any():
        return float("nan")
    return float(sklearn_metrics.roc_auc_score(positive, probabilities[:, number]))


def defined(value: float) -> float | None:
    """Return the value, or None for NaN, which JSON cannot store."""
    return None if math.isnan(value) else value
