"""Any network of keras.applications, pretrained on ImageNet: `architecture=keras:MobileNetV2`. Its last layer learns.

Keras downloads the weights at their first use and keeps them in `~/.keras`.
"""

import dataclasses
import importlib
from typing import TYPE_CHECKING

from pawprint.base.errors import UserError, one_line
from pawprint.models import efficientnet_lite0
from pawprint.models.recipe import Stage

if TYPE_CHECKING:
    import keras

RECIPE = dataclasses.replace(
    efficientnet_lite0.RECIPE,
    image_size=224,
    # These networks are built for one side.
    finetuning=dataclasses.replace(efficientnet_lite0.FINETUNING, stages=(Stage(start=0.0, scale=1.0),)),
)
"""EfficientNet-Lite0's recipe, with the side that most of these networks were trained on; not measured for each."""
PREFIX = "keras:"
NAMES = (
    *("ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge"),
    *("DenseNet121", "DenseNet169", "DenseNet201"),
    *("EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5"),
    *("EfficientNetB6", "EfficientNetB7", "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2"),
    *("EfficientNetV2B3", "EfficientNetV2L", "EfficientNetV2M", "EfficientNetV2S", "InceptionResNetV2", "InceptionV3"),
    *("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small", "NASNetLarge", "NASNetMobile"),
    *("ResNet101", "ResNet101V2", "ResNet152", "ResNet152V2", "ResNet50", "ResNet50V2", "VGG16", "VGG19", "Xception"),
)
"""The names, listed so that main can check one without the seconds that importing Keras takes; a test compares them."""
WEIGHTS = "imagenet"


def build(*, application: str, num_classes: int, image_size: int, weights: str | None) -> "keras.Model":
    """Build an application; its last layer, as wide as there are classes, is new.

    What the application wants done to its pixels becomes part of the network.

    Args:
        application: one of `NAMES`.
        num_classes: 2 or more.
        image_size: side of the pictures.
        weights: `WEIGHTS`, or None for new ones, without a download.

    Returns:
        A network from pixels 0 to 255, float32 [n, image_size, image_size, 3], to logits [n, num_classes].

    UserError: the weights cannot be downloaded, or the application does not accept pictures of this side.
    """
    import keras

    factory = getattr(keras.applications, application)
    prepare = importlib.import_module(factory.__module__).preprocess_input
    shape = (image_size, image_size, 3)
    try:
        body = factory(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:  # Keras raises no narrower class if a download fails
        reason = one_line(error)
        raise UserError(f"keras:{application} cannot be loaded at image_size={image_size}: {reason}") from error
    pixels = keras.Input(shape, name="pixels")
    # `+ 0`, because some of them change their input in place.
    x = body(prepare(pixels + 0.0))
    return keras.Model(pixels, keras.layers.Dense(num_classes, name="head")(x), name=application.lower())
