"""A recurrent network over rows: convolutions describe the picture, a recurrent layer reads it down and up."""

from typing import TYPE_CHECKING

from pawprint.models.adjustment import scale_channels
from pawprint.models.recipe import Augmentation, Recipe, Stage

if TYPE_CHECKING:
    import keras

RECIPE = Recipe(
    image_size=64,
    validation_fraction=0.1,
    batch_size=32,
    learning_rate=0.004,
    patience=0,
    augmentation=Augmentation(
        crop_area=(0.3, 1.0), crop_aspect=4 / 3, rotation=0.03, brightness=0.3, contrast=0.3, saturation=0.3
    ),
    stages=(Stage(0.0, 1.0, 2),),
    schedule="cosine",
    warmup=0.05,
    optimizer="muon",
    weight_decay=0.1,
    label_smoothing=0.1,
    averaging=0.995,
    flip_average=True,
)

WIDTHS = (32, 64, 128)
RECURRENT_UNITS = 64


def build(*, num_classes: int, image_size: int, width: float) -> "keras.Model":
    """Build the network: three convolutions, each halving the side, then a GRU over the rows in both directions.

    The GRU (Cho et al. 2014) takes a row as one vector, so the width of the pictures is fixed.

    Args:
        num_classes: 2 or more.
        image_size: side of the pictures, at least 8.
        width: factor for the channels of the layers, each rounded to a multiple of 16.

    Returns:
        A network from pixels 0 to 255, float32 [n, image_size, image_size, 3], to logits [n, num_classes].
    """
    import keras
    from keras import layers

    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = layers.Rescaling(1 / 64.0, offset=-2.0)(pixels)
    for channels in WIDTHS:
        x = layers.Conv2D(
            scale_channels(channels, width), 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Reshape((x.shape[1], -1))(x)
    x = layers.Dropout(0.3)(x)
    # Unrolled: a picture has few rows, and a loop would cost more than its content.
    x = layers.Bidirectional(layers.GRU(scale_channels(RECURRENT_UNITS, width), unroll=True))(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, layers.Dense(num_classes)(x), name="crnn")
