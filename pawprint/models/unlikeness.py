"""Give a network a second output: how unlike a photo is to everything that the network has learned from.

A photo is compared with a bank of training photos by their features, which are what the network's last layer sees. The
score is the distance to the nearest of them: one minus the mean cosine similarity to the `NEIGHBOURS` nearest (Sun et
al. 2022, Out-of-Distribution Detection with Deep Nearest Neighbors, who take the k-th nearest), divided by a threshold.
Above 1 the photo counts as unlike. docs/experiments.md has the comparison with other scores.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawprint.models.network_file import PROBABILITIES, UNLIKENESS

if TYPE_CHECKING:
    import keras

FEATURES = "features"
"""A third output, which only predict asks for."""
NEIGHBOURS = 3
SMALLEST_THRESHOLD = 1e-6
"""Smaller distances are rounding errors of float32."""
_DIRECTION = "direction"
"""Name of the layer whose output is a photo's features, of length 1."""

Features = NDArray[np.float32]


def build_feature_network(network: "keras.Model") -> "keras.Model":
    """Return the network from the same pixels to the features of a photo, float32 [n, d]; the weights are shared.

    Args:
        network: the result of `build_inference_network`; of its views, the upright one is described.
    """
    import keras

    pixels, _, features = _follow(network)
    return keras.Model(pixels, features, name="features")


def add_unlikeness(network: "keras.Model", bank: Features, threshold: float) -> "keras.Model":
    """Return a network with a second output; the weights are shared, and the probabilities stay the same.

    Only layers and operations of Keras are used, so `keras.models.load_model` needs no code of ours.

    Args:
        network: the result of `build_inference_network`.
        bank: float32 [m, d], features of training photos by `build_feature_network`.
        threshold: the distance that counts as 1.

    Returns:
        A network from the same pixels to a dictionary: `probabilities`, float32 [n, k], and `unlikeness`, float32 [n].
    """
    import keras
    from keras import layers

    pixels, probabilities, features = _follow(network)
    bank_layer = layers.Dense(len(bank), use_bias=False, trainable=False, name="bank")
    similarities = bank_layer(layers.UnitNormalization(name=_DIRECTION)(features))
    bank_layer.set_weights([_directions(bank).T])
    nearest, _ = keras.ops.top_k(similarities, min(NEIGHBOURS, len(bank)))
    scale = 1.0 / max(threshold, SMALLEST_THRESHOLD)
    score = layers.Rescaling(-scale, offset=scale, name="distance")(keras.ops.mean(nearest, axis=-1))
    return keras.Model(pixels, {PROBABILITIES: probabilities, UNLIKENESS: score}, name=network.name)


def add_features(network: "keras.Model") -> "keras.Model":
    """Return a network that `add_unlikeness` made with a third output: `features`, float32 [n, d], of length 1.

    A network without unlikeness, as an earlier version logged it, is returned as it is.
    """
    import keras

    direction = next((layer for layer in network.layers if layer.name == _DIRECTION), None)
    if direction is None:
        return network
    return keras.Model(network.input, {**network.output, FEATURES: direction.output}, name=network.name)


def measure_distances(features: Features, bank: Features) -> NDArray[np.float64]:
    """Return each photo's distance to the bank, float64 [n]: 0 for the same direction, 1 for a right angle.

    >>> measure_distances(np.eye(2, dtype=np.float32), np.array([[3, 0]], np.float32)).tolist()
    [0.0, 1.0]
    """
    return _mean_distance(_directions(features) @ _directions(bank).T)


def measure_distances_within(bank: Features) -> NDArray[np.float64]:
    """Return the distance of each photo in a bank of 2 or more to the others, float64 [m] (leave one out)."""
    similarities = _directions(bank) @ _directions(bank).T
    others = similarities[~np.eye(len(bank), dtype=bool)].reshape(len(bank), -1)
    return _mean_distance(others)


def _mean_distance(similarities: NDArray[np.float32]) -> NDArray[np.float64]:
    number = min(NEIGHBOURS, similarities.shape[1])
    nearest = np.partition(similarities, -number, axis=1)[:, -number:]
    distances: NDArray[np.float64] = 1.0 - nearest.mean(axis=1, dtype=np.float64)
    return distances


def _directions(features: Features) -> Features:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions: Features = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions


def _follow(network: "keras.Model") -> tuple[Any, Any, Any]:
    """Apply a network once more; return its pixels, its probabilities, and the features of the upright view."""
    import keras

    # The network that was trained lies inside, and has only its logits as output. It is called with the features as a
    # second output instead, so that they are not computed twice.
    (inner,) = (layer for layer in network.layers if isinstance(layer, keras.Model))
    head = next(layer for layer in reversed(inner.layers) if isinstance(layer, keras.layers.Dense))
    described = keras.Model(inner.input, [inner.output, head.input], name=inner.name)
    mirrored: list[Any] = []
    upright: list[Any] = []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if operation is inner:
            logits, features = described(*args, **kwargs)
            if not any(args[0] is view for view in mirrored):
                upright.append(features)
            return logits
        result = operation(*args, **kwargs)
        if type(operation).__name__ == "Flip":
            mirrored.append(result)
        return result

    pixels = keras.Input(network.input_shape[1:], dtype="float32", name="pixels")
    # As in portable.py: the way that Keras itself runs a graph.
    probabilities = network._run_through_graph(pixels, operation_fn=lambda operation: operation, call_fn=call)
    return pixels, probabilities, upright[0]
