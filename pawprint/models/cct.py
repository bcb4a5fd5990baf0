"""A compact convolutional transformer (Hassani et al. 2021): convolutions make the tokens, attention compares them."""

from typing import TYPE_CHECKING, Any

from pawprint.models.adjustment import scale_channels
from pawprint.models.recipe import Augmentation, Recipe, Stage

if TYPE_CHECKING:
    import keras

RECIPE = Recipe(
    image_size=64,
    validation_fraction=0.1,
    batch_size=32,
    learning_rate=0.006,
    patience=0,
    augmentation=Augmentation(
        crop_area=(0.3, 1.0), crop_aspect=4 / 3, rotation=0.03, brightness=0.3, contrast=0.3, saturation=0.3
    ),
    stages=(Stage(0.0, 1.0, 2),),
    schedule="cosine",
    warmup=0.1,
    optimizer="muon",
    weight_decay=0.5,
    label_smoothing=0.1,
    averaging=0.995,
    flip_average=True,
)

TOKENIZER_WIDTHS = (32, 64, 128)
NUM_BLOCKS = 4
NUM_HEADS = 4
DROPOUT = 0.1


def build(*, num_classes: int, image_size: int, width: float) -> "keras.Model":  # noqa: ARG001 - no position is learned
    """Build the network: a token for every 8x8 pixels, attention blocks, a learned average of the tokens.

    Tokens have no learned position: the borders that the convolutions see give them enough of one, and the network
    accepts any side.

    Args:
        num_classes: 2 or more.
        image_size: not used.
        width: factor for the channels of the layers, each rounded to a multiple of 16.

    Returns:
        A network from pixels 0 to 255, float32 [n, side, side, 3], to logits [n, num_classes].
    """
    import keras
    from keras import layers

    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Rescaling(1 / 64.0, offset=-2.0)(pixels)
    for channels in TOKENIZER_WIDTHS:
        x = layers.Conv2D(
            scale_channels(channels, width), 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.Reshape((-1, x.shape[-1]))(x)
    for _ in range(NUM_BLOCKS):
        x = _attend(x)
    x = layers.LayerNormalization()(x)
    attention = layers.Softmax(axis=1)(layers.Dense(1)(x))
    x = layers.Flatten()(layers.Dot(axes=1)([attention, x]))
    return keras.Model(pixels, layers.Dense(num_classes)(x), name="cct")


def _attend(x: Any) -> Any:
    """Apply one encoder block, with normalisation before each part (Xiong et al. 2020)."""
    from keras import layers

    width = x.shape[-1]
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(NUM_HEADS, width // NUM_HEADS, dropout=DROPOUT)(y, y)
    x = layers.Add()([x, y])
    y = layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dropout(DROPOUT)(layers.Dense(width)(y))])
