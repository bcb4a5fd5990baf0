"""The architectures by the names people type, all built through one function."""

import difflib
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from pawprint.base.errors import UserError
from pawprint.models import baseline, cct, cnn, crnn, efficientnet_lite0, keras_applications
from pawprint.models.recipe import Recipe

if TYPE_CHECKING:
    import keras

ARCHITECTURES = MappingProxyType[str, ModuleType](
    {
        "baseline": baseline,
        "cct": cct,
        "cnn": cnn,
        "crnn": crnn,
        "efficientnet_lite0": efficientnet_lite0,
    }
)


def check_architecture(name: str) -> None:
    """Refuse a name that is neither in `ARCHITECTURES` nor `keras:` and one of keras.applications.

    Raises:
        UserError: naming the known architectures, and the one probably meant.
    """
    applications = [f"{keras_applications.PREFIX}{application}" for application in keras_applications.NAMES]
    if name in ARCHITECTURES or name in applications:
        return
    near = difflib.get_close_matches(name, [*ARCHITECTURES, *applications], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = f"{', '.join(ARCHITECTURES)}, or keras:<a name in keras.applications>"
    raise UserError(f"architecture={name!r} is not known; choose one of {known}.{hint}")


def recipe_for(name: str) -> Recipe:
    """Return what the architecture was measured with, without importing TensorFlow.

    Raises:
        UserError: for an unknown name.
    """
    check_architecture(name)
    recipe: Recipe = ARCHITECTURES.get(name, keras_applications).RECIPE
    return recipe


def build_model(name: str, *, num_classes: int, image_size: int, seed: int, width: float = 1.0) -> "keras.Model":
    """Build a network; what is not pretrained gets fresh weights.

    Args:
        name: one that `check_architecture` lets pass.
        num_classes: 2 or more.
        image_size: side in pixels of the pictures it will see.
        seed: sets Python's, NumPy's and TensorFlow's global seeds, since Keras draws initial weights and
            dropout from them.
        width: factor on the widths of the layers; a pretrained network takes 1 only.

    Returns:
        A network from pixels 0 to 255, float32 [n, image_size, image_size, 3], to logits [n, num_classes].

    Raises:
        UserError: for an unknown name, fewer than two classes, or pretrained weights that cannot be had.
        ValueError: a pretrained network is asked for in another width.
    """
    check_architecture(name)
    if num_classes < 2:
        raise UserError(f"a classifier needs 2 classes or more, not {num_classes}")
    frozen = recipe_for(name).frozen
    if frozen and width != 1:
        raise ValueError(f"{name} comes pretrained, in width 1, not {width}")
    import keras

    keras.utils.set_random_seed(seed)
    if name in ARCHITECTURES:
        adjustable = {} if frozen else {"width": width}
        model: keras.Model = ARCHITECTURES[name].build(num_classes=num_classes, image_size=image_size, **adjustable)
        return model
    application = name.removeprefix(keras_applications.PREFIX)
    return keras_applications.build(application=application, num_classes=num_classes, image_size=image_size)
