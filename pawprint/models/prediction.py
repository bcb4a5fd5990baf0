"""From a stored network and pixels to probabilities: what evaluate does with every photo."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from pawprint.errors import UserError
from pawprint.models.network_file import UnsafeNetworkError, load_network_file

BATCH = 64


class Images(Protocol):
    """Photos that are read by slices: uint8 `[k, side, side, 3]`."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: slice) -> npt.NDArray[np.uint8]: ...


def load_network(path: Path) -> Any:
    """Returns the keras.Model stored at `path` (`network.keras`), ready for prediction only.

    Raises:
        UserError: it is no network of this project; nothing of it was run.
    """
    try:
        return load_network_file(path)
    except UnsafeNetworkError as error:
        raise UserError(f"{error}; give a model that train has logged") from error


def predict_probabilities(network: Any, images: Images, image_size: int) -> npt.NDArray[np.float32]:
    """Returns the network's probabilities, float32 `[n, classes]`.

    Args:
        network: takes pixels 0 to 255, `[k, image_size, image_size, 3]`.
        images: photos of any one size; those of another size than the network's are resized.
        image_size: side in pixels that the network takes.
    """
    answers = []
    for start in tqdm(range(0, len(images), BATCH), desc="predicting", unit="batch", disable=None, delay=2):
        batch = _resize(images[start : start + BATCH], image_size)
        answers.append(np.asarray(network(batch.astype(np.float32), training=False), np.float32))
    return np.concatenate(answers)


def _resize(images: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Resizes a batch as `decode_photo` resizes a photo; same-sized pixels come back untouched."""
    if images.shape[1] == side:
        return images
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)) for image in images]
    )
