"""Whether there are enough photos to learn from nothing."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pawprint.models.recipe import Recipe

ENOUGH = 100
"""Photos of a class under which a network from scratch mostly learns them by heart (docs/experiments.md)."""


def few_photos(labels: npt.NDArray[np.int64], class_names: Sequence[str], recipe: Recipe) -> str | None:
    """Say so where a class has too few training photos for a network that starts from nothing.

    Args:
        labels: of the training photos, int64 [n].
        class_names: in the order of the labels.
        recipe: of the architecture that is to learn them.

    Returns:
        A line for the person, or None.

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
