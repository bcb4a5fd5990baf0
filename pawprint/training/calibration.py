"""Calibrate a trained network on its validation photos: its temperature, then its prediction sets and decision."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from pawprint.models.decision import Decision, choose_decision
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
from pawprint.models.prediction import Outputs, collect_outputs, compile_network
from pawprint.models.prediction_sets import PredictionSets, find_sets
from pawprint.models.temperature import add_temperature, fit_temperature, temper
from pawprint.training.batches import Split


@dataclass(frozen=True)
class Calibrated:
    """A calibrated network.

    Attributes:
        network: the network with its temperature; the same labels for the same photos.
        temperature: 1 without validation photos.
        sets: its prediction sets.
        decision: what it leaves to a person; None without validation photos.
    """

    network: keras.Model
    temperature: float
    sets: PredictionSets
    decision: Decision | None = None


def calibrate(
    network: keras.Model,
    validation: Split | None,
    answers: Outputs | None,
    *,
    costs: Sequence[Sequence[float]] | None = None,
) -> Calibrated:
    """Fit the temperature and the thresholds of the prediction sets, and choose what is left to a person.

    All come from the same photos, which also chose the epoch: docs/reading-the-report.md says what this means for the
    promise. The same network and photos give the same values.

    Args:
        network: maps pixels 0 to 255 to probabilities float32 [n, k], and maybe to more.
        validation: photos that the network has not learned from, or None.
        answers: the network's outputs for them, by name.
        costs: what mistakes cost, see `Decision`.
    """
    if validation is None or answers is None:
        return Calibrated(network, 1.0, find_sets((), np.empty((0, 1))))
    probabilities = answers[PROBABILITIES]
    temperature = fit_temperature(validation.labels, probabilities)
    if temperature != 1:
        probabilities = np.asarray(temper(probabilities, temperature))
    return Calibrated(
        add_temperature(network, temperature),
        temperature,
        find_sets(validation.labels, probabilities),
        choose_decision(validation.labels, probabilities, answers.get(UNLIKENESS), costs),
    )


def decide_anew(
    network: keras.Model, validation: Split, *, image_size: int, costs: Sequence[Sequence[float]] | None
) -> Decision:
    """Return the decision of a finished network for other costs; the network stays as it is."""
    answers = collect_outputs(compile_network(network, image_size).outputs, validation.images, image_size)
    return choose_decision(validation.labels, answers[PROBABILITIES], answers.get(UNLIKENESS), costs)
