"""Make a network's probabilities mean what they say: temperature scaling, fitted on photos it has not learned from.

A temperature above 1 makes a network less sure of its answers, one below 1 surer; the most likely label stays the same
(Guo et al. 2017, On Calibration of Modern Neural Networks). It is applied to the final probabilities, after those of a
photo and its mirror image are averaged, since the average of calibrated answers is not calibrated (Rahaman and Thiery
2021, Uncertainty Quantification and Deep Ensembles: pool, then calibrate).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import keras

LOWEST, HIGHEST = 0.1, 10.0
"""Bounds of a temperature."""
SPREAD = 0.5
"""Standard deviation of the temperature's logarithm before any photo is seen: 95 of 100 lie between 0.37 and 2.7."""
SLACK = 0.5
"""How much likelier, as a difference of logarithms, the most likely temperature may be than the one that is taken."""
DIGITS = 4
"""Digits that are kept after the point, so that rounding errors of a machine do not reach the network's file."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""Lower probabilities are raised to it: the logarithm of 0 is infinite."""


def fit_temperature(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the temperature nearest to 1 that the labels of photos support.

    The cost of a temperature T is the summed log loss plus (log T / `SPREAD`)² / 2: the negative logarithm of its
    probability, where log T is normal around 0 before any photo is seen. The lowest cost is the most likely
    temperature. From there T goes towards 1 until the cost is `SLACK` higher: one standard deviation of what chance in
    the photos can do, as in the rule of one standard error (Breiman et al. 1984, Classification and Regression Trees).

    So the temperature is a correction of which the photos are sure. With hundreds of photos and mistakes among them it
    is close to the one of lowest log loss; with few it is 1, or close to it. The lowest log loss alone would be at the
    lowest possible temperature wherever no answer is wrong.

    Args:
        labels: [n] class numbers of photos that the network has not learned from.
        probabilities: [n, k] the network's answers to them.

    Returns:
        A number between `LOWEST` and `HIGHEST`; 1 without photos.
    """
    numbers = np.asarray(labels, dtype=np.int64)
    logits = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST))
    photos = np.arange(len(numbers))

    def cost(log_temperature: float) -> float:
        tempered = scipy.special.log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-tempered[photos, numbers].sum() + (log_temperature / SPREAD) ** 2 / 2)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    likeliest = scipy.optimize.minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    most = likeliest.fun + SLACK
    if cost(0.0) <= most:
        return 1.0
    nearest = scipy.optimize.brentq(lambda place: cost(place) - most, likeliest.x, 0.0)
    return round(float(np.exp(nearest)), DIGITS)


def temper(probabilities: Any, temperature: float) -> Any:
    """Return softmax(log(probabilities) / temperature), float32 [n, k].

    Args:
        probabilities: tensor [n, k], of a network's graph or with values.
        temperature: above 0.
    """
    import keras

    logits = keras.ops.log(keras.ops.maximum(probabilities, SMALLEST))
    # Layers have names, so that the stored network shows its temperature; operations only get numbers.
    return keras.layers.Softmax(name="tempered")(keras.layers.Rescaling(1 / temperature, name="temperature")(logits))


def add_temperature(network: "keras.Model", temperature: float) -> "keras.Model":
    """Return a network whose probabilities have a temperature; the weights are shared, not copied.

    Only layers and operations of Keras are used, which every export has.

    Args:
        network: from pixels to probabilities [n, k]. Of several outputs the first (of a dictionary, by name) has the
            probabilities, and the others stay as they are.
        temperature: 1 returns the network itself.
    """
    import keras

    if temperature == 1:
        return network
    probabilities, *others = network.outputs
    outputs = keras.tree.pack_sequence_as(network.output, [temper(probabilities, temperature), *others])
    return keras.Model(network.input, outputs, name=network.name)
