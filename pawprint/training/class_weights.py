"""The weight of each class in the training loss, so that a rare class is not ignored."""

import numpy as np
import numpy.typing as npt

BALANCED_RATIO = 1.5
"""Ratio of the largest class to the smallest up to which all photos have the same weight."""


def class_weights(labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.float32]:
    """Return the weight of a photo of each class; the mean over all photos is 1.

    Beyond `BALANCED_RATIO` all classes have the same total weight (n / (k x n_c), King and Zeng 2001, as in
    scikit-learn's "balanced").

    Args:
        labels: class of each photo, int64 [n].
        num_classes: at least 1; a class without photos gets weight 0.

    Returns:
        float32 [num_classes].

    >>> class_weights(np.array([0] * 6 + [1] * 2), 2)
    array([0.6666667, 2.       ], dtype=float32)
    >>> class_weights(np.array([0, 0, 0, 1, 1]), 2).tolist()
    [1.0, 1.0]
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    if counts.max() <= BALANCED_RATIO * counts[present].min():
        return np.ones(num_classes, np.float32)
    weights = np.zeros(num_classes, np.float32)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights
