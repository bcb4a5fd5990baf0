"""Warn if a class has too few photos to train a network from scratch."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pawprint.models.recipe import Recipe

ENOUGH = 100
"""Training photos per class below which a network trained from scratch overfits (docs/experiments.md)."""


def few_photos(labels: npt.NDArray[np.int64], class_names: Sequence[str], recipe: Recipe) -> str | None:
    """Return a warning if a class has too few training photos for a network without pretrained weights.

    Args:
        labels: labels of the training photos, int64 [n].
        class_names: names in the order of the labels.
        recipe: recipe of the architecture.

    Returns:
        A line, or None.

    >>> from pawprint.models.cnn import RECIPE
    >>> few_photos(np.repeat([0, 1], [300, 20]), ["cats", "dogs"], RECIPE)
    "only 20 training photos of 'dogs': from scratch little is learned from so few; try architecture=efficientnet_lite0"
    >>> few_photos(np.repeat([0, 1], 300), ["cats", "dogs"], RECIPE)
    """
    counts = np.bincount(labels, minlength=len(class_names))
    rarest = int(counts.argmin())
    if recipe.frozen or counts[rarest] >= ENOUGH:
        return None
    return (
        f"only {counts[rarest]} training photos of {class_names[rarest]!r}: from scratch little is learned from so "
        "few; try architecture=efficientnet_lite0"
    )
