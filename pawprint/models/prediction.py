"""Compute the answers of a stored network to pixels, for evaluate and predict."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from pawprint.base.errors import UserError
from pawprint.dataset.shards import Images
from pawprint.models.network_file import PROBABILITIES, UnsafeNetworkError, load_network_file, name_outputs

BATCH = 64

Answer = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""From pixels 0 to 255, `[k, side, side, 3]` of the network's own side, to probabilities, `[k, classes]`."""
Outputs = Mapping[str, npt.NDArray[np.float32]]
"""Answers by name: `probabilities`, float32 `[k, classes]`, and maybe others, such as `unlikeness`, `[k]`."""


class Compiled:
    """A network ready to answer, wherever it runs. As a function it is an `Answer`.

    Attributes:
        outputs: from pixels 0 to 255, `[k, side, side, 3]` of the network's own side, to all outputs.
    """

    def __init__(self, outputs: Callable[[npt.NDArray[Any]], Outputs]) -> None:
        self.outputs = outputs

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return only the probabilities."""
        return self.outputs(pixels)[PROBABILITIES]


def load_network(path: Path) -> Any:
    """Return the keras.Model stored at `path` (`network.keras`), ready for prediction only.

    Raises:
        UserError: the file is not a network of this project; none of it was run.
    """
    try:
        return load_network_file(path)
    except UnsafeNetworkError as error:
        raise UserError(f"{error}; give a model that train has logged") from error


def compile_network(network: Any, image_size: int) -> Compiled:
    """Return a function from pixels `[k, image_size, image_size, 3]` to the network's answers.

    It is traced once for batches of any length. Called layer by layer, one photo would take nine times as long, and a
    full batch a third longer (`python -m benchmarks.serving` measures both), with the same results.
    """
    import tensorflow as tf  # here, as in load_network

    @tf.function(input_signature=[tf.TensorSpec([None, image_size, image_size, 3], tf.float32)])
    def answer(pixels: Any) -> Any:
        return network(pixels, training=False)

    def outputs(pixels: npt.NDArray[Any]) -> Outputs:
        found = name_outputs(answer(pixels.astype(np.float32)))
        return {name: np.asarray(values, np.float32) for name, values in found.items()}

    return Compiled(outputs)


def predict_probabilities(network: Any, images: Images, image_size: int) -> npt.NDArray[np.float32]:
    """Return the network's probabilities, float32 `[n, classes]`.

    Args:
        network: a network from pixels 0 to 255, `[k, image_size, image_size, 3]`.
        images: photos, all of one size; they are resized if that is not the network's size.
        image_size: side in pixels of the network's input.
    """
    return answer_photos(compile_network(network, image_size), images, image_size)


def answer_photos(answer: Answer, images: Images, image_size: int) -> npt.NDArray[np.float32]:
    """Return the probabilities for all photos, float32 `[n, classes]`, computed batch by batch.

    Args:
        answer: the result of `compile_network`.
        images: photos, all of one size; they are resized if that is not the network's size.
        image_size: side in pixels of the network's input.
    """
    return collect_outputs(lambda pixels: {PROBABILITIES: answer(pixels)}, images, image_size)[PROBABILITIES]


def collect_outputs(
    outputs: Callable[[npt.NDArray[np.uint8]], Outputs], images: Images, image_size: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Return all outputs for all photos, `[n, …]` by name, as `answer_photos` does for the probabilities."""
    starts = tqdm(range(0, len(images), BATCH), desc="predicting", unit="batch", disable=None, delay=2)
    parts = [outputs(resize_photos(images[start : start + BATCH], image_size)) for start in starts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def resize_photos(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Resize photos, uint8 `[k, s, s, 3]`, as `decode_photo` does; photos that have the size are returned unchanged."""
    if images.shape[1] == side:
        return images
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)) for image in images]
    )
