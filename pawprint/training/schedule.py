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


def judging_side(image_size: int, stage: Stage, stages: Sequence[Stage]) -> int:
    """Return the side at which a network of this stage sees whole photos: `image_size` for the last stage.

    Crops show things larger than whole photos do, so a network does best on whole photos that are larger than
    the crops it learnt from (Touvron et al. 2019). The ratio of the last stage is kept for the earlier ones.

    >>> stages = (Stage(0.0, 0.4), Stage(0.5, 0.8))
    >>> judging_side(160, stages[0], stages), judging_side(160, stages[1], stages)
    (80, 160)
    """
    last, now = (training_side(image_size, one.scale) for one in (stages[-1], stage))
    return round(image_size * now / last)


def enough_passes(passes: int, *, num_photos: int, batch_size: int, min_steps: int) -> int:
    """Return how often each photo is shown in an epoch: `passes`, or more where those made under `min_steps` steps.

    >>> enough_passes(2, num_photos=1350, batch_size=32, min_steps=20)
    2
    >>> enough_passes(2, num_photos=40, batch_size=32, min_steps=20)
    16
    """
    return max(passes, -(-min_steps * min(batch_size, num_photos * passes) // num_photos))
