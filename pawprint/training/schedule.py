"""What happens when in a training: the learning rate by step, the size of the pictures by epoch."""

import math
from collections.abc import Sequence

from pawprint.models.recipe import Recipe, Stage


def learning_rate_at(done: float, *, peak: float, recipe: Recipe) -> float:
    """Return the learning rate of a step.

    The cosine schedule rises in a straight line over the warm-up and falls along half a cosine to nothing
    (Loshchilov & Hutter 2017). It goes by epochs and not by steps: a stage of small pictures has many short
    steps, and would use up the high rates before the network has seen a large picture.

    >>> from pawprint.models.cnn import RECIPE
    >>> rates = [learning_rate_at(done, peak=1.0, recipe=RECIPE) for done in (0.0, RECIPE.warmup, 1.0)]
    >>> [round(rate, 3) for rate in rates]
    [0.01, 1.0, 0.0]

    Args:
        done: share of the training that is done, 0 to 1.
        peak: the highest rate.
        recipe: whose `schedule` and `warmup` say how.
    """
    if recipe.schedule == "constant":
        return peak
    if done < recipe.warmup:
        return peak * max(done / recipe.warmup, 0.01)
    return peak * 0.5 * (1 + math.cos(math.pi * (done - recipe.warmup) / (1 - recipe.warmup)))


def stage_at(epoch: int, *, epochs: int, stages: Sequence[Stage]) -> Stage:
    """Return the stage that an epoch (from 1) of a training of `epochs` epochs belongs to."""
    done = (epoch - 1) / epochs
    return [stage for stage in stages if stage.start <= done + 1e-9][-1]


def training_side(image_size: int, scale: float) -> int:
    """Return the side of the training pictures: a multiple of 16 where the network shrinks what is stored.

    >>> training_side(160, 0.4), training_side(160, 1.0), training_side(75, 1.0), training_side(40, 0.4)
    (64, 160, 75, 32)
    """
    if scale == 1.0:
        return image_size
    return min(image_size, max(32, round(image_size * scale / 16) * 16))
