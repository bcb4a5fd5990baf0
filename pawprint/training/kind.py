"""Describe the photos of a training, so that the model can be asked later whether new ones are like them."""

import numpy as np

from pawprint.models.kind import Kind, choose_evenly, join_traits
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
from pawprint.models.prediction import Outputs
from pawprint.training.task import TrainingTask

BATCH = 50


def describe_photos(task: TrainingTask, answers: Outputs | None) -> Kind:
    """Return how the training photos look, and what the network answers to the validation photos.

    Args:
        task: the training.
        answers: the network's outputs for the validation photos, by name; None without them. Of photos that it has
            learned from it is too sure.
    """
    places = choose_evenly(len(task.train.labels))
    batches = (task.train.images[places[start : start + BATCH]] for start in range(0, len(places), BATCH))
    classes = len(task.class_names)
    if answers is None:
        return Kind(join_traits(batches), np.zeros(classes, np.int64))
    predicted = np.bincount(answers[PROBABILITIES].argmax(axis=1), minlength=classes)
    return Kind(join_traits(batches), predicted, int((answers[UNLIKENESS] > 1).sum()))
