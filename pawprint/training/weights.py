"""Begin a training with the weights of a file or of an earlier model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras

from pawprint.base.errors import UserError
from pawprint.models.architectures import build_model
from pawprint.models.taken_weights import Taken, take_weights
from pawprint.models.weights_file import open_weights_file
from pawprint.training.task import TrainingTask


def build_network(task: TrainingTask) -> keras.Model:
    """Return the network of a training, from pixels to logits, with the weights that it begins with."""
    if task.weights is None:
        return _build(task, pretrained=True)
    network = _build(task, pretrained=False)
    network.load_weights(task.weights)
    return network


def begin_with(
    task: TrainingTask, path: Path, target: Path, *, name: str, class_names: Sequence[str] | None
) -> tuple[TrainingTask, str]:
    """Return a training that begins with given weights, and a sentence that says what was taken of them.

    Args:
        task: the training.
        path: the file of weights.
        target: the file that the training begins with, `….weights.h5`; it is written here.
        name: where the weights come from, for messages.
        class_names: classes of the given network, in order; None if unknown. The last layer is taken only if they are
            those of the training.

    Raises:
        UserError: the weights are not of this architecture, or the file is damaged.
    """
    network = _build(task, pretrained=False)
    same = list(class_names or ()) == list(task.class_names)
    try:
        with open_weights_file(path) as given:
            taken = take_weights(network, given, target, with_last=same)
    except UserError as error:
        raise UserError(
            f"weights={name} can't be taken for architecture={task.architecture}: {error}; give weights of this "
            "architecture and width, or say the architecture that they are of"
        ) from error
    return dataclasses.replace(task, weights=target), _describe(taken, name, class_names)


def _build(task: TrainingTask, *, pretrained: bool) -> keras.Model:
    return build_model(
        task.architecture,
        num_classes=len(task.class_names),
        image_size=task.image_size,
        seed=task.seed,
        width=task.recipe.width,
        pretrained=pretrained,
    )


def _describe(taken: Taken, name: str, class_names: Sequence[str] | None) -> str:
    layers = f"all {taken.of}" if taken.layers == taken.of else f"{taken.layers} of {taken.of}"
    said = f"It begins with the weights of {name}: {layers} layers before the last were taken"
    if taken.layers < taken.of:
        said += ", the others have other shapes and start anew"
    if taken.last:
        return f"{said}, and the last, since the classes are the same."
    why = "the file does not say its classes" if class_names is None else "the classes are others"
    return f"{said}; the last starts anew, since {why}."
