"""The original notebook's network and recipe, kept as the reference to beat.

The notebook called `convert_image_dtype` on floats, which leaves them unchanged, so it never scaled its pixels: the
network saw 0 to 255. This is kept on purpose. Two things differ: validation uses some of the training photos, where the
notebook used the test photos; and flips, rotation, zoom and contrast are applied outside the network, to the whole
batch in one warp, instead of by layers inside it.
"""

from typing import TYPE_CHECKING

from pawprint.models.adjustment import scale_channels
from pawprint.models.recipe import Augmentation, Recipe

if TYPE_CHECKING:
    import keras

RECIPE = Recipe(
    image_size=64,
    validation_fraction=0.2,
    batch_size=64,
    learning_rate=0.001,
    patience=10,
    augmentation=Augmentation(zoom=0.2, rotation=0.3, flip_vertical=True, contrast=0.2),
    epsilon=0.01,
    choose_by="validation_loss",
    min_delta=0.001,
)


def build(*, num_classes: int, image_size: int, width: float) -> "keras.Model":
    """Build the notebook's network.

    With two classes, it keeps its single output unit z: softmax over (0, z) is (1 - sigmoid(z), sigmoid(z)), and the
    cross-entropy of this is the binary cross-entropy of that. With more classes, each has its own unit.

    Args:
        num_classes: 2 or more.
        image_size: side of the pictures, which determines the size of the first Dense layer.
        width: factor for the channels of the layers, each rounded to a multiple of 16.

    Returns:
        A network from pixels 0 to 255, float32 [n, image_size, image_size, 3], to logits [n, num_classes].
    """
    import keras
    from keras import layers

    body = [
        layers.Conv2D(scale_channels(32, width), 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
        layers.Conv2D(scale_channels(64, width), 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
        layers.Conv2D(scale_channels(128, width), 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(scale_channels(128, width), 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(scale_channels(64, width), activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(1 if num_classes == 2 else num_classes),
    ]
    pixels = logits = keras.Input((image_size, image_size, 3), name="pixels")
    for layer in body:
        logits = layer(logits)
    if num_classes == 2:
        logits = keras.ops.concatenate([keras.ops.zeros_like(logits), logits], axis=-1)
    return keras.Model(pixels, logits, name="baseline")
