"""Compare an exported network with its original: are the answers the same, and how fast is each on this machine?"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.dataset.shards import Images
from pawprint.models.prediction import answer_photos, predict_probabilities

NUM_PHOTOS = 200  # compared at most
MAX_DIFFERENCE = 1e-4
"""Largest difference of a probability: runtimes round differently, but everything else must be equal."""
_BATCH, _SINGLES, _BATCHES = 32, 20, 3


@dataclass(frozen=True)
class Agreement:
    """The comparison of two networks on the same photos.

    Attributes:
        photos: the number of photos compared.
        max_difference: the largest difference between two probabilities of the same photo and class.
        same_labels: the number of photos with the same predicted label.
    """

    photos: int
    max_difference: float
    same_labels: int

    @property
    def holds(self) -> bool:
        """Whether no probability differs by `MAX_DIFFERENCE` or more."""
        return self.max_difference < MAX_DIFFERENCE

    def facts(self) -> dict[str, Any]:
        """Return the entries for export.json."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Reference:
    """A network's own answers to some photos, with which its exports are compared.

    Attributes:
        network: keras.Model from pixels 0..255 [n, image_size, image_size, 3] to probabilities [n, k].
        image_size: side in pixels of its input.
        photos: uint8 [n, side, side, 3].
        probabilities: its answers, float32 [n, k].
    """

    network: Any
    image_size: int
    photos: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float32]

    def compare(self, exported: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]) -> Agreement:
        """Compare an export's answers to the same photos."""
        found = answer_photos(exported, self.photos, self.image_size)
        return Agreement(
            photos=len(found),
            max_difference=float(np.abs(self.probabilities - found).max()),
            same_labels=int((self.probabilities.argmax(axis=1) == found.argmax(axis=1)).sum()),
        )


def ask_network(network: Any, images: Images, image_size: int) -> Reference:
    """Return a network's answers to at most `NUM_PHOTOS` photos.

    Args:
        network: keras.Model from pixels 0..255 [n, image_size, image_size, 3] to probabilities [n, k].
        images: photos, all of one size.
        image_size: side in pixels of the network's input.
    """
    photos = choose_photos(images)
    return Reference(network, image_size, photos, predict_probabilities(network, photos, image_size))


def choose_photos(images: Images, number: int = NUM_PHOTOS) -> npt.NDArray[np.uint8]:
    """Return at most `number` photos, evenly spaced: uint8 [n, side, side, 3]."""
    places = np.unique(np.linspace(0, len(images) - 1, min(number, len(images))).astype(int))
    return np.concatenate([images[place : place + 1] for place in places])


def describe_agreement(agreement: Agreement) -> str:
    """Return in words how an export agrees with its model."""
    bound = "" if agreement.holds else f", {MAX_DIFFERENCE:g} or more"
    return (
        f"on {agreement.photos} photos no probability differs from the model's by more than "
        f"{agreement.max_difference:.1e}{bound}, and {agreement.same_labels} labels are the same"
    )


def time_network(network: Any, photos: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return the median milliseconds for a single photo, and for each of a batch of 32, after a warm-up call.

    Args:
        network: called with float32 [n, image_size, image_size, 3]; a keras.Model is compiled first, as a server would.
        photos: uint8 [n, image_size, image_size, 3].
    """
    batch = np.resize(photos, (_BATCH, *photos.shape[1:])).astype(np.float32)
    answer = _compile(network)
    return {
        "alone": _milliseconds(lambda: answer(batch[:1]), _SINGLES),
        "in_batches": _milliseconds(lambda: answer(batch), _BATCHES) / _BATCH,
    }


def _compile(network: Any) -> Callable[[npt.NDArray[np.float32]], Any]:
    import keras
    import tensorflow as tf

    if not isinstance(network, keras.Model):
        exported: Callable[[npt.NDArray[np.float32]], Any] = network
        return exported
    compiled = tf.function(lambda pixels: network(pixels, training=False), reduce_retracing=True)
    return lambda pixels: compiled(pixels).numpy()


def _milliseconds(call: Callable[[], Any], times: int) -> float:
    call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)
