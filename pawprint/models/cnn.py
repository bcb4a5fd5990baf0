"""A small residual network, trained from scratch: the default architecture."""

from typing import TYPE_CHECKING, Any

from pawprint.models.adjustment import scale_channels
from pawprint.models.recipe import Augmentation, Recipe, Stage

if TYPE_CHECKING:
    import keras

RECIPE = Recipe(
    image_size=160,
    validation_fraction=0.1,
    batch_size=32,
    learning_rate=0.006,
    patience=0,
    augmentation=Augmentation(
        crop_area=(0.2, 1.0), crop_aspect=4 / 3, rotation=0.03, brightness=0.3, contrast=0.3, saturation=0.3
    ),
    stages=(Stage(0.0, 0.4, 3), Stage(0.4, 0.6, 3), Stage(0.8, 0.8, 3)),
    schedule="cosine",
    warmup=0.05,
    optimizer="muon",
    weight_decay=0.5,
    label_smoothing=0.1,
    averaging=0.995,
    bfloat16=True,
    choose_by="validation_loss",
    flip_average=True,
)

STEM_WIDTH = 32
WIDTHS = (32, 64, 128, 192)
BLOCKS = (1, 1, 1, 1)
EXCITATION_SHARE = 4
INITIALIZER = "he_normal"
"""Initialiser of layers that end in ReLU (He et al. 2015)."""


def build(*, num_classes: int, image_size: int, width: float) -> "keras.Model":  # noqa: ARG001 - pooled over any side
    """Build the network: a stride-2 stem, then four stages of residual blocks; the last three halve the side.

    Args:
        num_classes: 2 or more.
        image_size: not used; the network is convolutional up to its pooling, so it accepts any side from 32 up.
        width: factor for the channels of the layers, each rounded to a multiple of 16.

    Returns:
        A network from pixels 0 to 255, float32 [n, side, side, 3], to logits [n, num_classes].
    """
    import keras
    from keras import layers

    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Rescaling(1 / 64.0, offset=-2.0)(pixels)
    x = _normalised(
        layers.Conv2D(
            scale_channels(STEM_WIDTH, width),
            3,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=INITIALIZER,
        )(x)
    )
    x = layers.ReLU()(x)
    for stage, (channels, blocks) in enumerate(zip(WIDTHS, BLOCKS, strict=True)):
        for block in range(blocks):
            x = _residual(x, width=scale_channels(channels, width), halve=stage > 0 and block == 0)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(pixels, layers.Dense(num_classes)(x), name="cnn")


def _residual(x: Any, *, width: int, halve: bool) -> Any:
    """Apply two 3x3 convolutions with squeeze-and-excitation (Hu et al. 2018), and add a shortcut.

    If the shape changes, the shortcut averages 2x2 pixels before its 1x1 convolution, so that no pixel is dropped
    (ResNet-D, He et al. 2019). The last normalisation does not start at zero, as is often recommended: in the thousand
    or so steps of a small set, this head start of the shortcuts lost far more than it gained (docs/experiments.md).
    """
    from keras import layers

    shortcut = x
    if halve:
        shortcut = layers.AveragePooling2D(2, padding="same")(shortcut)
    if halve or x.shape[-1] != width:
        shortcut = _normalised(layers.Conv2D(width, 1, use_bias=False, kernel_initializer=INITIALIZER)(shortcut))
    x = layers.Conv2D(
        width, 3, strides=2 if halve else 1, padding="same", use_bias=False, kernel_initializer=INITIALIZER
    )(x)
    x = layers.ReLU()(_normalised(x))
    x = _normalised(layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=INITIALIZER)(x))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(width // EXCITATION_SHARE, 1, activation="relu")(squeezed)
    x = layers.Multiply()([x, layers.Conv2D(width, 1, activation="sigmoid")(squeezed)])
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _normalised(x: Any) -> Any:
    """Normalise by the batch; the moving averages settle in about 20 steps, because small sets have few steps."""
    from keras import layers

    return layers.BatchNormalization(momentum=0.95, epsilon=1e-3)(x)
