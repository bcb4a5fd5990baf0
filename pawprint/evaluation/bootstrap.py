"""Compute percentile bootstrap intervals of every test metric, for all resamples at once.

Reads labels and probabilities, writes nothing. The test photos are drawn with replacement, as many as there are, and
every metric is computed on each draw (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13).
Calling scikit-learn 2000 times would take minutes. But a draw is only a weight for each photo, and with weights all
these metrics are sums, so a block of resamples takes a few matrix products. The tests compare each metric with
scikit-learn's.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pawprint.evaluation.rankings import averaged_classes, find_influences, is_many, rank

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CALIBRATION_BINS = 15
TOP, FEWEST_CLASSES_FOR_TOP = 5, 10
"""Places among which the true class is sought, and the number of classes from which on that says something."""
TOP_BLOCK = 1024
# float32's machine epsilon: networks answer in float32, and a single confident zero must not make the loss infinite.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
# Weights in memory at the same time: 64 MiB of float64, whatever the number of photos.
BLOCK_ENTRIES = 8_000_000


def resample_metrics(labels: Integers, probabilities: Floats, *, resamples: int, seed: int) -> dict[str, Floats]:
    """Compute every metric on every resample.

    A resample can lack a class. Undefined values are then left out of that resample, as scikit-learn does when it
    averages over classes: the recall and the ROC AUC of a class without photos, and every metric of a class that has no
    photos and is never predicted. A class that has photos but is never predicted has a precision of 0. If no value is
    left (the ROC AUC of a draw from one class), the result is NaN.

    With `MANY` probabilities, the ROC AUC of a resample is its linear approximation (see `find_influences`): to rank
    all photos for each class and resample would take hours.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] probabilities that sum to 1 in each row.
        resamples: the number of draws.
        seed: the seed of `numpy.random.default_rng`; the same seed gives the same draws.

    Returns:
        The values of each metric ("accuracy", …), [resamples] float64.
    """
    areas = None
    if is_many(probabilities):
        ranked = [rank(labels, probabilities, number) for number in averaged_classes(probabilities.shape[1])]
        area = float(np.mean([each.auc for each in ranked if each])) if any(ranked) else float("nan")
        areas = area, find_influences(labels, probabilities)
    blocks = [
        weighted_metrics(labels, probabilities, weights, areas=areas)
        for weights in draw_weights(len(labels), resamples=resamples, seed=seed)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def draw_weights(num_photos: int, *, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield blocks of resamples: how often each photo was drawn, [num_photos, block] float64.

    Photos are rows, so that sorting by score moves whole rows, and the running sums in `auc` are additions of rows. The
    draws of a resample depend only on the seed and the number of photos.
    """
    generator = np.random.default_rng(seed)
    block_size = max(1, min(resamples, BLOCK_ENTRIES // num_photos))
    for first in range(0, resamples, block_size):
        size = min(block_size, resamples - first)
        weights = np.empty((size, num_photos))
        for row in weights:
            row[:] = np.bincount(generator.integers(num_photos, size=num_photos), minlength=num_photos)
        yield np.ascontiguousarray(weights.T)


def weighted_metrics(
    labels: Integers, probabilities: Floats, weights: Floats, *, areas: tuple[float, Floats] | None = None
) -> dict[str, Floats]:
    """Compute the metrics under each column of `weights` ([n, r]); each value is [r] float64.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k].
        weights: [n, r], whole numbers.
        areas: the mean ROC AUC at equal weights and the photos' influences on it, to approximate it.
    """
    num_classes = probabilities.shape[1]
    predictions = probabilities.argmax(axis=1)
    right = predictions == labels
    support = sum_by_class(labels, weights, num_classes)
    predicted = sum_by_class(predictions, weights, num_classes)
    hits = sum_by_class(labels[right], weights[right], num_classes)

    present = np.where(support > 0, 1.0, np.nan)
    seen = np.where(support + predicted > 0, 1.0, np.nan)
    recall = present * hits / np.maximum(support, 1)
    precision = seen * hits / np.maximum(predicted, 1)
    f1 = seen * 2 * hits / np.maximum(support + predicted, 1)
    averaged = slice(1, 2) if num_classes == 2 else slice(None)

    total = weights.sum(axis=0)
    return {
        "accuracy": hits.sum(axis=0) / total,
        "balanced_accuracy": mean_of_defined(recall),
        "f1": mean_of_defined(f1[averaged]),
        "precision": mean_of_defined(precision[averaged]),
        "recall": mean_of_defined(recall[averaged]),
        "roc_auc": mean_auc(labels, probabilities, weights) if areas is None else areas[0] + areas[1] @ (weights - 1),
        "log_loss": (photo_losses(labels, probabilities) @ weights) / total,
        "ece": np.abs(calibration_gaps(labels, probabilities) @ weights).sum(axis=0) / total,
        **selective_metrics(labels, probabilities, weights),
        **top_accuracy(labels, probabilities, weights),
    }


def sum_by_class(classes: Integers, weights: Floats, num_classes: int) -> Floats:
    """Add up the rows of `weights` ([n, r]) by class ([n]): [num_classes, r]; exact, because they are whole numbers."""
    sums = np.zeros((num_classes, weights.shape[1]))
    if len(classes):
        order = np.argsort(classes, kind="stable")
        present, starts = np.unique(classes[order], return_index=True)
        sums[present] = np.add.reduceat(weights[order], starts, axis=0)
    return sums


def mean_auc(labels: Integers, probabilities: Floats, weights: Floats) -> Floats:
    """Compute the mean ROC AUC of the classes against the rest under each column of weights, [r]."""
    numbers = averaged_classes(probabilities.shape[1])
    return mean_of_defined(np.stack([auc(labels == each, probabilities[:, each], weights) for each in numbers]))


def selective_metrics(labels: Integers, probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """Compute what is right if the least sure photos are left to a person, under each column of weights.

    Returns:
        `accuracy_at_coverage_90`, [r]: the accuracy on all but the least sure tenth. `aurc`, [r]: the area under the
        risk-coverage curve (Geifman, Uziel and El-Yaniv, *Bias-Reduced Uncertainty Estimation for Deep Neural
        Classifiers*, 2019), the mean of the risks below. 0 is the best; it is low for a model that is often right, and
        for one that is less sure where it is wrong.
    """
    risks = selective_risks(probabilities.argmax(axis=1) != labels, probabilities.max(axis=1), weights)
    kept = len(risks) - len(risks) // 10
    return {"accuracy_at_coverage_90": 1 - risks[kept - 1], "aurc": risks.mean(axis=0)}


def selective_risks(wrong: NDArray[np.bool_], confidences: Floats, weights: Floats) -> Floats:
    """Return the share of wrong answers among the surest photos: the risk-coverage curve of El-Yaniv and Wiener (2010).

    Photos with the same confidence come in any order; the result is the mean over these orders, so that it does not
    depend on the order of the photos. It is a straight line between the errors before such a group and after it.

    Args:
        wrong: [n] whether each answer is wrong.
        confidences: [n] the probability of each answer.
        weights: [n, r], each column with the sum n.

    Returns:
        [n, r]: in row k - 1 the share among the k surest.
    """
    _, group = np.unique(-confidences, return_inverse=True)
    sizes = np.arange(1, len(wrong) + 1)
    risks = np.empty(weights.shape)
    for column, weight in enumerate(weights.T):
        photos = np.cumsum(np.bincount(group, weight))
        errors = np.cumsum(np.bincount(group, weight * wrong))
        risks[:, column] = np.interp(sizes, [0, *photos], [0, *errors]) / sizes
    return risks


def top_accuracy(labels: Integers, probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    """Compute `top5_accuracy`, the share of photos whose class is among the five likeliest, [r].

    It is left out for few classes. Of classes with the same probability, the first comes first, as in the answers.
    """
    if probabilities.shape[1] < FEWEST_CLASSES_FOR_TOP:
        return {}
    found = np.empty(len(labels), bool)
    for start in range(0, len(labels), TOP_BLOCK):  # sorting all would take three times the memory of all
        values, own = probabilities[start : start + TOP_BLOCK], labels[start : start + TOP_BLOCK, np.newaxis]
        of_label = np.take_along_axis(values, own, axis=1)
        before = (values > of_label) | ((values == of_label) & (np.arange(values.shape[1]) < own))
        found[start : start + TOP_BLOCK] = before.sum(axis=1) < TOP
    return {f"top{TOP}_accuracy": (found @ weights) / weights.sum(axis=0)}


def auc(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Floats:
    """Compute the area under the ROC curve under each column of weights, by ranks.

    It is the probability that a positive photo scores higher than a negative one, where a tie counts one half (Mann and
    Whitney's U). The negatives are sorted once; for each positive photo, the running sum of their weights is the weight
    of the negatives below it.

    Args:
        positive: [n] which photos are of the class.
        scores: [n] the class's probability.
        weights: [n, r].

    Returns:
        [r]; NaN where the positives or the negatives weigh nothing.
    """
    order = np.flatnonzero(~positive)[np.argsort(scores[~positive], kind="stable")]
    below = np.zeros((len(order) + 1, weights.shape[1]))
    np.cumsum(weights[order], axis=0, out=below[1:])
    left = np.searchsorted(scores[order], scores[positive], side="left")
    right = np.searchsorted(scores[order], scores[positive], side="right")
    wins = np.einsum("pr,pr->r", weights[positive], below[left] + below[right]) / 2
    pairs = weights[positive].sum(axis=0) * below[-1]
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)


def photo_losses(labels: Integers, probabilities: Floats) -> Floats:
    """Compute each photo's cross-entropy in nats, [n], with probabilities kept inside float32's epsilon of 0 and 1."""
    of_label = probabilities[np.arange(len(labels)), labels]
    losses: Floats = -np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    return losses


def calibration_gaps(labels: Integers, probabilities: Floats) -> Floats:
    """Return each photo's (correct - confidence) in its confidence bin, [CALIBRATION_BINS, n].

    The expected calibration error is the sum of the bins' absolute sums, divided by the number of photos, with 15 bins
    of equal width over the probability of the predicted class (Guo et al., *On Calibration of Modern Neural Networks*,
    2017). It is never negative, so noise only increases it: with few photos it is too high, and on a resample, which is
    noisier than the test photos, even higher. Its interval can lie above the value itself.
    """
    confidences = probabilities.max(axis=1)
    gaps = (probabilities.argmax(axis=1) == labels) - confidences
    placed: Floats = np.eye(CALIBRATION_BINS)[confidence_bins(confidences)].T * gaps
    return placed


def confidence_bins(confidences: Floats) -> Integers:
    """Return the bin of each confidence; as in the paper, a bin includes its upper edge: ((m-1)/15, m/15]."""
    bins: Integers = np.ceil(confidences * CALIBRATION_BINS).astype(np.int64) - 1
    return bins.clip(0, CALIBRATION_BINS - 1)


def mean_of_defined(values: Floats) -> Floats:
    """Return the mean over the first axis without NaNs; NaN where all values are NaN ([c, r] -> [r])."""
    defined = ~np.isnan(values)
    counts = defined.sum(axis=0)
    sums = np.where(defined, values, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def interval(values: Floats, *, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the defined values; (NaN, NaN) if there are none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
