"""The schedules of a training: the learning rate by step, the size of the pictures by epoch."""

import math
from collections.abc import Sequence

from pawprint.models.recipe import Recipe, Stage


def learning_rate_at(done: float, *, peak: float, recipe: Recipe) -> float:
    """Return the learning rate of a step.

    The cosine schedule rises linearly over the warm-up and falls along half a cosine to 0 (Loshchilov & Hutter
    2017). It follows epochs, not steps: a stage of small pictures has many short steps, and would use the high rates
    before the network has seen a large picture.

    >>> from pawprint.models.cnn import RECIPE
    >>> rates = [learning_rate_at(done, peak=1.0, recipe=RECIPE) for done in (0.0, RECIPE.warmup, 1.0)]
    >>> [round(rate, 3) for rate in rates]
    [0.01, 1.0, 0.0]

    Args:
        done: finished share of the training, 0 to 1.
        peak: the highest rate.
        recipe: recipe with `schedule` and `warmup`.
    """
    if recipe.schedule == "constant":
        return peak
    if done < recipe.warmup:
        return peak * max(done / recipe.warmup, 0.01)
    return peak * 0.5 * (1 + math.cos(math.pi * (done - recipe.warmup) / (1 - recipe.warmup)))


def stage_at(epoch: int, *, epochs: int, stages: Sequence[Stage]) -> Stage:
    """Return the stage of an epoch (from 1) in a training of `epochs` epochs."""
    done = (epoch - 1) / epochs
    return [stage for stage in stages if stage.start <= done + 1e-9][-1]


def training_side(image_size: int, scale: float) -> int:
    """Return the side of the training pictures in pixels: a multiple of 16 if they are smaller than the stored ones.

    >>> training_side(160, 0.4), training_side(160, 1.0), training_side(75, 1.0), training_side(40, 0.4)
    (64, 160, 75, 32)
    """
    if scale == 1.0:
        return image_size
    return min(image_size, max(32, round(image_size * scale / 16) * 16))


def judging_sides(image_size: int, side: int, scale: float) -> tuple[int, ...]:
    """Return the sides at which photos may be judged by a network that learns from crops of `side`.

    >>> judging_sides(256, 192, 4 / 3), judging_sides(160, 160, 4 / 3), judging_sides(160, 128, 1.0)
    ((192, 256), (160,), (128,))
    """
    return tuple(sorted({side, min(image_size, round(side * scale))}))
