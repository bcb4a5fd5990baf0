"""The recipe of an architecture: the parameters it was measured with, declared beside its layers.

`auto` in MLproject means these values. They can be read without TensorFlow, because main resolves them before any child
run starts.
"""

import math
from dataclasses import dataclass

from pawprint.base.errors import UserError

LEAST_MISTAKES = 5
LEAST_ERROR = 0.05


def least_mistakes(num_photos: int) -> int:
    """Return how many validation photos a network must get wrong before another is tried, or more of it learns.

    Five of many photos: with fewer mistakes, not even mending all of them would be more than chance (exact test of
    McNemar, one-sided: 0.5⁵ < 0.05). Few photos can't show that of anything; there it is a share of them that leaves
    something to be gained, and the validation loss decides.

    >>> [least_mistakes(number) for number in (1, 16, 53, 150, 1500)]
    [1, 1, 3, 5, 5]
    """
    return max(1, min(LEAST_MISTAKES, math.ceil(LEAST_ERROR * num_photos)))


@dataclass(frozen=True)
class Augmentation:
    """How a training photo is varied each time it is shown.

    Args:
        crop_area: smallest and largest share of the photo's area that the crop keeps, drawn evenly.
        crop_aspect: the crop's width over its height lies between 1 / crop_aspect and crop_aspect.
        zoom: the crop's side is multiplied by 1 - zoom to 1 + zoom; above 1 it reaches past the border, which
            is filled by reflection.
        rotation: largest turn either way, as a share of a full turn.
        flip_vertical: also upside down, one time in two.
        flip_horizontal: left and right swapped, one time in two.
        brightness: pixels are multiplied by 1 - brightness to 1 + brightness.
        contrast: the distance to the photo's mean colour is multiplied by 1 - contrast to 1 + contrast.
        saturation: the distance to the pixel's grey is multiplied by 1 - saturation to 1 + saturation.
    """

    crop_area: tuple[float, float] = (1.0, 1.0)
    crop_aspect: float = 1.0
    zoom: float = 0.0
    rotation: float = 0.0
    flip_vertical: bool = False
    flip_horizontal: bool = True
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0


@dataclass(frozen=True)
class Stage:
    """A part of the training: from `start` (share of the epochs, 0 to 1) on, until the next stage starts.

    Args:
        start: share of the epochs already done when the stage begins.
        scale: side of the picture the network trains on, as a share of the stored photo's side.
        passes: how often each photo is shown in an epoch, cropped and coloured anew each time. Small pictures
            are cheap, so a stage of small pictures can afford more passes in the same time.
    """

    start: float
    scale: float
    passes: int = 1


@dataclass(frozen=True)
class Recipe:
    """Everything the training loop needs to know about an architecture.

    Args:
        image_size: side in pixels of the stored photos, and of the finished network's input.
        validation_fraction: share of the training photos held out to choose the best epoch.
        batch_size: photos in a step.
        learning_rate: the highest learning rate.
        patience: epochs without improvement before training stops; 0 never stops early.
        augmentation: how training photos are varied.
        stages: the sizes of the pictures over the epochs; the first starts at 0.
        judging_scale: a second side at which photos may be judged, as a share of the side of training; the validation
            photos choose. Crops show things larger than whole photos do (Touvron et al. 2019), which helps with some
            photos and not with others (docs/experiments.md).
        schedule: "cosine" (warm-up, then down to nothing) or "constant".
        warmup: share of all steps over which a cosine schedule rises to `learning_rate`.
        optimizer: "adam", "adamw", or "muon" (with AdamW for everything but convolution kernels).
        epsilon: Adam's epsilon.
        weight_decay: decoupled decay of kernels, learning rate x weight_decay in each step; not with "adam".
        label_smoothing: share of the target that is spread evenly over the classes.
        averaging: decay per step of the running average of the weights; 0 uses the weights as they are.
        choose_by: "validation_loss" or "validation_accuracy" (ties go to the lower loss): the value by which the best
            epoch is chosen.
        min_delta: smallest improvement that counts.
        bfloat16: whether training computes in bfloat16 with float32 weights, if the processor is faster at it. Layer
            widths should be multiples of 16: oneDNN normalises others slowly.
        flip_average: whether the finished network averages its probabilities over the photo and its mirror image.
        frozen: whether the network is pretrained and its last layer learns first, from features computed once.
        finetuning: recipe of the later layers, which may learn afterwards; None for a network that is not pretrained.
        frozen_share: share of the layers, counted from the pixels, that fine-tuning leaves as they are.
        width: factor for the widths of the layers; a frozen network has fixed widths.
    """

    image_size: int
    validation_fraction: float
    batch_size: int
    learning_rate: float
    patience: int
    augmentation: Augmentation
    stages: tuple[Stage, ...] = (Stage(start=0.0, scale=1.0),)
    judging_scale: float = 1.0
    schedule: str = "constant"
    warmup: float = 0.0
    optimizer: str = "adam"
    epsilon: float = 1e-7
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    averaging: float = 0.0
    choose_by: str = "validation_loss"
    min_delta: float = 0.0
    bfloat16: bool = False
    flip_average: bool = False
    frozen: bool = False
    finetuning: "Recipe | None" = None
    frozen_share: float = 0.0
    width: float = 1.0

    def resolve(self, **given: float | None) -> dict[str, float]:
        """Return parameters by name; None (`auto`) is replaced by the value declared here.

        With a `validation_fraction` of 0 there is no validation to wait for, so `patience` is 0.

        >>> from pawprint.models.cnn import RECIPE
        >>> RECIPE.resolve(weight_decay=None, batch_size=16)
        {'weight_decay': 0.5, 'batch_size': 16}
        >>> RECIPE.resolve(validation_fraction=0, patience=None)
        {'validation_fraction': 0, 'patience': 0}

        Raises:
            UserError: a patience is given without validation photos.
        """
        resolved = {name: getattr(self, name) if value is None else value for name, value in given.items()}
        if "patience" in given and resolved.get("validation_fraction") == 0:
            if given["patience"]:
                raise UserError(
                    f"patience={given['patience']} needs validation photos to watch; "
                    "say patience=0, or a validation_fraction above 0"
                )
            resolved["patience"] = 0
        return resolved
