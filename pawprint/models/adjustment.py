"""Adjust an architecture's recipe for a training: weight decay, strength of augmentation, width of the layers."""

import dataclasses

from pawprint.base.errors import UserError
from pawprint.models.recipe import Augmentation, Recipe

SMALLEST_CROP = 0.05
"""Smallest share of a photo's area that a crop keeps, however strong the augmentation: less is unrecognisable."""
LARGEST_SPREAD = 0.9
"""Largest spread of brightness, contrast, saturation and zoom: at 1 a photo may lose all of it."""


def measured_adjustments(recipe: Recipe) -> dict[str, float | None]:
    """Return what `auto` means for weight_decay, augmentation and width; None if an architecture has no such setting.

    >>> from pawprint.models.cnn import RECIPE
    >>> measured_adjustments(RECIPE)
    {'weight_decay': 0.5, 'augmentation': 1.0, 'width': 1.0}
    """
    return {
        "weight_decay": None if recipe.optimizer == "adam" else recipe.weight_decay,
        "augmentation": None if recipe.frozen else 1.0,
        "width": None if recipe.frozen else recipe.width,
    }


def resolve_adjustments(
    architecture: str, recipe: Recipe, *, weight_decay: float | None, augmentation: float | None, width: float | None
) -> dict[str, float | None]:
    """Return the values that a training uses; None stands for the recipe's value.

    Args:
        architecture: the name, for the message.
        recipe: its recipe.
        weight_decay: decoupled weight decay.
        augmentation: factor for the strength of the recipe's augmentation.
        width: factor for the widths of the layers.

    Raises:
        UserError: the architecture does not support a given value.
    """
    measured = measured_adjustments(recipe)
    given = {"weight_decay": weight_decay, "augmentation": augmentation, "width": width}
    why = {
        "weight_decay": "it is trained with plain Adam, which decays no weights",
        "augmentation": "it comes pretrained, and its last layer learns from the photos as they are",
        "width": "it comes pretrained, with widths that are what they are",
    }
    for name, value in given.items():
        if value is not None and measured[name] is None:
            raise UserError(f"{name}={value:g} is not for {architecture}: {why[name]}; say {name}=auto")
    return {name: measured[name] if value is None else value for name, value in given.items()}


def check_finetune(architecture: str, recipe: Recipe, finetune: int | None) -> None:
    """Check the parameter `finetune`, which is only for pretrained networks.

    Raises:
        UserError: a number is given for a network that learns from scratch.
    """
    if finetune is not None and recipe.finetuning is None:
        raise UserError(
            f"finetune={finetune} is not for {architecture}: all of it learns, from scratch; say finetune=auto"
        )


def adjust_recipe(
    recipe: Recipe, *, weight_decay: float | None, augmentation: float | None, width: float | None
) -> Recipe:
    """Return a recipe with the result of `resolve_adjustments`; the recipe's own values return the same recipe.

    >>> from pawprint.models.cnn import RECIPE
    >>> adjust_recipe(RECIPE, weight_decay=0.5, augmentation=1.0, width=1.0) == RECIPE
    True
    """
    return dataclasses.replace(
        recipe,
        weight_decay=recipe.weight_decay if weight_decay is None else weight_decay,
        augmentation=recipe.augmentation
        if augmentation is None
        else scale_augmentation(recipe.augmentation, augmentation),
        width=recipe.width if width is None else width,
    )


def without_mirroring(recipe: Recipe) -> Recipe:
    """Return a recipe whose photos are never mirrored, in training or in answers.

    >>> from pawprint.models.efficientnet_lite0 import RECIPE
    >>> still = without_mirroring(RECIPE)
    >>> still.flip_average, still.augmentation.flip_horizontal, still.finetuning.augmentation.flip_horizontal
    (False, False, False)
    """
    return dataclasses.replace(
        recipe,
        augmentation=dataclasses.replace(recipe.augmentation, flip_horizontal=False),
        flip_average=False,
        finetuning=recipe.finetuning and without_mirroring(recipe.finetuning),
    )


def scale_augmentation(augmentation: Augmentation, factor: float) -> Augmentation:
    """Return a weaker or stronger augmentation.

    Args:
        augmentation: the augmentation of the recipe.
        factor: 0 shows the photos unchanged, not even mirrored; 1 is the augmentation itself. Spreads and the range of
            crops grow linearly with it, the aspect of crops by its power.
    """

    def spread(value: float) -> float:
        return min(LARGEST_SPREAD, value * factor)

    low, high = (max(SMALLEST_CROP, share + (1 - factor) * (1 - share)) for share in augmentation.crop_area)
    return Augmentation(
        crop_area=(low, high),
        crop_aspect=augmentation.crop_aspect**factor,
        zoom=spread(augmentation.zoom),
        rotation=augmentation.rotation * factor,
        flip_vertical=augmentation.flip_vertical and factor > 0,
        flip_horizontal=augmentation.flip_horizontal and factor > 0,
        brightness=spread(augmentation.brightness),
        contrast=spread(augmentation.contrast),
        saturation=spread(augmentation.saturation),
    )


def scale_channels(channels: int, width: float) -> int:
    """Return the channels of a layer in a network that is `width` times as wide: a multiple of 16.

    So many float32 numbers fill a vector of AVX-512, and in bfloat16 oneDNN normalises other widths slowly.

    >>> scale_channels(32, 1.0), scale_channels(32, 0.5), scale_channels(192, 1.25), scale_channels(32, 0.1)
    (32, 16, 240, 16)
    """
    if width == 1:
        return channels
    return max(16, int(channels * width / 16 + 0.5) * 16)
