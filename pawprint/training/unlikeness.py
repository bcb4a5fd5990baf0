"""Learn after a training what is unlike anything in its photos, and add it to the finished network."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.dataset.shards import Images
from pawprint.models.network_file import UNLIKENESS
from pawprint.models.prediction import Outputs, collect_outputs, compile_network
from pawprint.models.unlikeness import (
    SMALLEST_THRESHOLD,
    Features,
    add_unlikeness,
    build_feature_network,
    measure_distances_within,
)
from pawprint.training.task import TrainingTask

MOST_PHOTOS = 500
"""Photos in the bank."""
MOST_NUMBERS = 5 * 2**18
"""Numbers in the bank, which become 5 MiB of the model's files: of wide features, fewer photos are kept."""
SHARE = 0.05
"""Share of the photos like the training's that counts as unlike."""
BATCH = 50


def learn_unlikeness(network: keras.Model, task: TrainingTask) -> tuple[keras.Model, Outputs | None]:
    """Return the network with the output `unlikeness`, and its answers to the validation photos, if there are any.

    The bank holds training photos. Of the validation photos, 5 % have a score above 1. Without validation photos, it is
    5 % of the bank's, each compared with the others. A network knows the photos that it has learned from too well, so
    then more than 5 % of new photos can be above 1.

    Args:
        network: the result of `build_inference_network`.
        task: its training.
    """
    describe = build_feature_network(network)
    most = min(MOST_PHOTOS, MOST_NUMBERS // describe.output_shape[-1])
    bank = _compute_features(describe, task.train.images, choose_bank(task.train.labels, most))
    if task.validation is None:
        return add_unlikeness(network, bank, _find_threshold(measure_distances_within(bank))), None
    # One pass over the photos: with a threshold of 1 the score is the distance itself.
    measure = compile_network(add_unlikeness(network, bank, 1.0), task.image_size)
    answers = collect_outputs(measure.outputs, task.validation.images, task.image_size)
    threshold = _find_threshold(answers[UNLIKENESS])
    return add_unlikeness(network, bank, threshold), {**answers, UNLIKENESS: answers[UNLIKENESS] / threshold}


def _find_threshold(distances: npt.NDArray[np.floating]) -> float:
    return max(SMALLEST_THRESHOLD, float(np.quantile(distances, 1 - SHARE)))


def choose_bank(labels: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Return the places of at most so many photos, in order: evenly from each class, small classes wholly.

    >>> choose_bank(np.array([0, 0, 0, 0, 0, 0, 1, 1]), 5).tolist()
    [0, 3, 4, 6, 7]
    """
    turns = np.empty(len(labels))
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        # The turn of each photo is at random, but the same in each training of these photos.
        turns[np.random.Generator(np.random.Philox(int(label))).permutation(places)] = np.arange(len(places))
    return np.sort(np.argsort(turns, kind="stable")[:most])


def _compute_features(network: keras.Model, images: Images, places: npt.NDArray[np.int64]) -> Features:
    side = network.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None, side, side, 3], tf.float32)])
    def describe(pixels: tf.Tensor) -> tf.Tensor:
        return network(pixels, training=False)

    batches = [places[start : start + BATCH] for start in range(0, len(places), BATCH)]
    progress = tqdm(batches, desc="features", unit="batch", leave=False, disable=None)
    return np.concatenate([describe(images[batch].astype(np.float32)).numpy() for batch in progress])
