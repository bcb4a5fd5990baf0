"""EfficientNet-Lite0 (Tan and Le 2019; the Lite form by Liu 2020), pretrained on ImageNet.

The weights are Google's (Apache-2.0) and lie beside this file, so nothing is fetched when it trains;
`pretrained/README.md` says where they come from and how they were changed. The Lite form has neither
squeeze-and-excitation nor swish: plain convolutions and ReLU6, made for small machines. Since no normalisation
learns, each is folded into the convolution before it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pawprint.models.recipe import Augmentation, Recipe, Stage

if TYPE_CHECKING:
    import keras

FINETUNING = Recipe(
    image_size=256,
    validation_fraction=0.1,
    batch_size=32,
    learning_rate=0.0001,
    patience=0,
    augmentation=Augmentation(crop_area=(0.35, 1.0), crop_aspect=4 / 3, brightness=0.2, contrast=0.2, saturation=0.2),
    stages=(Stage(start=0.0, scale=0.75),),
    judging_scale=4 / 3,
    schedule="cosine",
    warmup=0.1,
    optimizer="adamw",
    weight_decay=0.05,
    averaging=0.98,
    flip_average=True,
    frozen_share=1 / 3,
)
"""How the later layers learn (docs/experiments.md)."""

RECIPE = Recipe(
    image_size=256,  # trained on crops of 224: whole photos may be larger, and gain by it (docs/experiments.md)
    validation_fraction=0.1,
    batch_size=32,
    learning_rate=0.001,
    patience=0,
    augmentation=Augmentation(),  # the photo and its mirror image
    schedule="cosine",
    optimizer="adamw",
    weight_decay=0.1,
    flip_average=True,
    frozen=True,
    finetuning=FINETUNING,
)

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""For each stage: number of blocks, side of the kernel, stride of the first block, expansion, channels out."""
STEM_WIDTH, HEAD_WIDTH = 32, 1280
WEIGHTS = Path(__file__).with_name("pretrained") / "efficientnet_lite0.npz"


def build(*, num_classes: int, image_size: int) -> "keras.Model":  # noqa: ARG001 - pooled over any side
    """Build the network with the pretrained weights; its last layer, with a unit for each class, is new.

    Args:
        num_classes: 2 or more.
        image_size: not used; the network accepts any side from 32 up, and was trained on 224.

    Returns:
        A network from pixels 0 to 255, float32 [n, side, side, 3], to logits [n, num_classes].
    """
    import keras
    from keras import layers

    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Rescaling(1 / 128.0, offset=-127 / 128)(pixels)
    x = layers.Conv2D(STEM_WIDTH, 3, strides=2, padding="same", activation="relu6")(x)
    for blocks, kernel, stride, expansion, width in STAGES:
        for block in range(blocks):
            x = _inverted(x, kernel=kernel, stride=stride if block == 0 else 1, expansion=expansion, width=width)
    x = layers.Conv2D(HEAD_WIDTH, 1, activation="relu6")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, layers.Dense(num_classes, name="head")(x), name="efficientnet_lite0")
    *backbone, _ = (layer for layer in model.layers if layer.weights)
    for layer, weights in zip(backbone, load_pretrained(), strict=True):
        layer.set_weights(weights)
    return model


def _inverted(x: Any, *, kernel: int, stride: int, expansion: int, width: int) -> Any:
    """Widen, convolve each channel by itself, narrow (Sandler et al. 2018)."""
    from keras import layers

    shortcut = x
    if expansion > 1:
        x = layers.Conv2D(expansion * x.shape[-1], 1, activation="relu6")(x)
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding="same", activation="relu6")(x)
    x = layers.Conv2D(width, 1)(x)
    return layers.Add()([x, shortcut]) if stride == 1 and shortcut.shape[-1] == width else x


def load_pretrained() -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Yield kernel and bias of each convolution, in the order in which the picture passes them."""
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        for number in range(len(arrays.files) // 2):
            yield arrays[f"kernel_{number:02d}"], arrays[f"bias_{number:02d}"]
