"""What happens when in a training: the learning rate by step, the size of the pictures by epoch."""

import math
from collections.abc import Sequence

from pawprint.models.recipe import Recipe, Stage


def learning_rate_at(step: int, *, num_steps: int, peak: float, recipe: Recipe) -> float:
    """Return the learning rate of a step.

    The cosine schedule rises in a straight line over the warm-up and falls along half a cosine to nothing
    (Loshchilov & Hutter 2017).

    >>> from pawprint.models.cnn import RECIPE
    >>> rates = [learning_rate_at(s, num_steps=100, peak=1.0, recipe=RECIPE) for s in (0, 4, 99)]
    >>> [round(rate, 2) for rate in rates]
    [0.2, 1.0, 0.0]

    Args:
        step: from 0.
        num_steps: of the whole training.
        peak: the highest rate.
        recipe: whose `schedule` and `warmup` say how.
    """
    if recipe.schedule == "constant":
        return peak
    warmup = max(1, round(recipe.warmup * num_steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / max(1, num_steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


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
