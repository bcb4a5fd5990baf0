"""How much each class counts in the training loss, so that a rare class is not learned as noise."""

import numpy as np
import numpy.typing as npt

BALANCED_RATIO = 1.5
"""Up to this ratio of the largest class to the smallest all photos count the same."""


def class_weights(labels: npt.NDArray[np.int64], num_classes: int) -> npt.NDArray[np.float32]:
    """Return the weight of each class's photos; over the photos the weights average 1.

    Beyond `BALANCED_RATIO` every class weighs the same in all (n / (k x n_c), King and Zeng 2001, as scikit-learn's
    "balanced").

    Args:
        labels: int64 [n].
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
