"""Look up an architecture by name, and build its network."""

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


AUTO = "auto"
"""In place of a name, it has main choose one of `CANDIDATES`."""
CANDIDATES = ("efficientnet_lite0", "cnn")
"""Architectures that `AUTO` tries, in order of promise: pretrained first, which is the best on most photos and the
fastest to say so (docs/experiments.md)."""


def check_choice(name: str) -> None:
    """Check a name as `check_architecture` does, or `AUTO`.

    Raises:
        UserError: the name is unknown.
    """
    if name != AUTO:
        check_architecture(name)


def check_architecture(name: str) -> None:
    """Check a name: it must be in `ARCHITECTURES`, or be `keras:` and a network of keras.applications.

    Raises:
        UserError: the name is unknown; the message lists the known ones and suggests the most similar.
    """
    if name == AUTO:
        raise UserError(f"architecture={AUTO} is main's, which tries {' and '.join(CANDIDATES)}; name one of them here")
    applications = [f"{keras_applications.PREFIX}{application}" for application in keras_applications.NAMES]
    if name in ARCHITECTURES or name in applications:
        return
    near = difflib.get_close_matches(name, [*ARCHITECTURES, *applications], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = f"{', '.join(ARCHITECTURES)}, or keras:<a name in keras.applications>"
    raise UserError(f"architecture={name!r} is not known; choose one of {known}.{hint}")


def recipe_for(name: str) -> Recipe:
    """Return an architecture's recipe, without importing TensorFlow.

    Raises:
        UserError: the name is unknown.
    """
    check_architecture(name)
    recipe: Recipe = ARCHITECTURES.get(name, keras_applications).RECIPE
    return recipe


def build_model(
    name: str, *, num_classes: int, image_size: int, seed: int, width: float = 1.0, pretrained: bool = True
) -> "keras.Model":
    """Build a network; everything that is not pretrained gets new weights.

    Args:
        name: a name accepted by `check_architecture`.
        num_classes: 2 or more.
        image_size: side in pixels of the pictures it will see.
        seed: sets the global seeds of Python, NumPy and TensorFlow, because Keras draws initial weights and dropout
            from them.
        width: factor for the widths of the layers; a pretrained network accepts only 1.
        pretrained: whether pretrained weights are downloaded; those that lie here are always there.

    Returns:
        A network from pixels 0 to 255, float32 [n, image_size, image_size, 3], to logits [n, num_classes].

    Raises:
        UserError: the name is unknown, there are fewer than two classes, or pretrained weights cannot be downloaded.
        ValueError: a pretrained network was asked for with another width.
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
    weights = keras_applications.WEIGHTS if pretrained else None
    return keras_applications.build(
        application=application, num_classes=num_classes, image_size=image_size, weights=weights
    )
