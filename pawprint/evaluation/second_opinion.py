"""Judge the labels of training photos by models that have not learned them.

A network has learned its training photos with their labels, wrong ones included, and doubts few of them. So each fifth
of these photos is judged by a logistic regression that learned from the others, on features of a pretrained network:
the cross-validation that confident learning asks for (Northcutt, Jiang and Chuang 2021), in seconds.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from pawprint.dataset.reader import Split
from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.doubts import Predictions
from pawprint.models import efficientnet_lite0
from pawprint.models.features import FeatureStore

BORROWED = "efficientnet_lite0"
"""The pretrained network that speaks for every architecture; its weights are part of this project."""
SIDE = 128
"""Side in pixels at which it sees the photos."""
MOST_PHOTOS = 20_000
"""Most photos that are judged: it sees a hundred or two a second on a few cores, and then the regressions learn."""
FOLDS = 5
_DIMENSIONS, _C, _ITERATIONS = 128, 0.03, 300
"""Principal components of the features, and the regression's inverse regularisation: weak models that a few wrong
labels can't bend."""


def judge_training(
    photos: Split, *, num_classes: int, architecture: str, image_size: int, features: FeatureStore
) -> Predictions | None:
    """Return, for each training photo, the probabilities of a model that learned from other photos.

    It is None for more than `MOST_PHOTOS` photos.

    Args:
        photos: the training photos.
        num_classes: the number of classes.
        architecture: the model's architecture.
        image_size: side of the photos in pixels.
        features: store of the photos' features.
    """
    if len(photos) > MOST_PHOTOS:
        return None
    backbone = _build_backbone(architecture, image_size=image_size)
    views = features.load(backbone, photos.images, name="train").mean(axis=1)
    probabilities = cross_validate(views, photos.labels, num_classes)
    return Predictions("train", photos.members, photos.labels, probabilities)


def cross_validate(features: npt.NDArray[Any], labels: Integers, num_classes: int) -> Floats:
    """Return out-of-sample probabilities, [n, num_classes].

    Each class is dealt over the folds in the order of its photos, so that a class of two is learned in every fold.

    Args:
        features: [n, d].
        labels: [n] class numbers, at least two of each class that is there.
        num_classes: the number of classes.
    """
    fold = np.empty(len(labels), np.int64)
    for number in np.unique(labels):
        members = np.flatnonzero(labels == number)
        fold[members] = np.arange(len(members)) % FOLDS
    values = features.astype(np.float64)
    values = PCA(min(_DIMENSIONS, *values.shape), svd_solver="covariance_eigh").fit_transform(values)
    values *= 10 / max(float(np.sqrt((values**2).sum(axis=1).mean())), 1e-9)
    probabilities = np.zeros((len(labels), num_classes))
    for number in range(FOLDS):
        held_out = fold == number
        if held_out.any():
            model = LogisticRegression(C=_C, max_iter=_ITERATIONS).fit(values[~held_out], labels[~held_out])
            probabilities[np.ix_(held_out, model.classes_)] = model.predict_proba(values[held_out])
    return probabilities


def _build_backbone(architecture: str, *, image_size: int) -> keras.Model:
    """Return a network from pixels to features, of which nothing must be downloaded."""
    model = efficientnet_lite0.build(num_classes=2, image_size=image_size)
    described = keras.Model(model.input, model.layers[-1].input, name=BORROWED)
    if architecture == BORROWED:  # training has stored the same features
        return described
    pixels = keras.Input((image_size, image_size, 3))
    return keras.Model(pixels, described(keras.layers.Resizing(SIDE, SIDE)(pixels)), name=f"{BORROWED}_at_{SIDE}")
