"""The notebook's own network and recipe, kept as the reference to beat.

Its `convert_image_dtype` was given floats and leaves floats as they are, so the notebook never scaled its pixels:
the network saw 0 to 255. That is kept here on purpose. Two things differ: validation comes from the training
photos, where the notebook used the test photos, and flips, rotation, zoom and contrast are done beside the
network for the whole batch in one warp, not by layers inside it.
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

    Two classes keep its single output unit z: softmax over (0, z) is (1 - sigmoid(z), sigmoid(z)), and the
    cross-entropy of the one is the binary cross-entropy of the other. More classes get a unit each.

    Args:
        num_classes: 2 or more.
        image_size: side of the pictures; the first Dense layer is sized by it.
        width: factor on the channels of the layers, each rounded to a multiple of 16.

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
