"""Draw explanations.png: which parts of a photo led to the answer, for the photos the model was most sure of.

If a network ends with the mean of its features over all places and one linear layer, the parts are those of its class
activation map (Zhou et al. 2016), computed by `pawprint.models.portable`. Grad-CAM (Selvaraju et al. 2017) would give
the same: for such networks its weights are those of the last layer, up to a factor. The map needs no gradient, and its
mean is exactly the answer's logit, without the bias. For other networks, if affordable, a patch is moved over the photo
and the loss of log-odds is measured (occlusion sensitivity, Zeiler and Fergus 2014).
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.mistakes import frame_photo, name_member
from pawprint.evaluation.style import BLUE, GREEN, ORANGE, RED, draw_figure, percent, shorten
from pawprint.models.prediction import Answer

MOST_CLASSES = 6
"""Most classes drawn: of more, those with the lowest accuracy."""
MANY_CLASSES = 4
PAIRS_IN_A_ROW = 4
PATCHES = 7
"""Positions of the occluding patch along each side; the patch is two strides wide."""
BATCH = 16
_SMALLEST = 1e-7

Photos = npt.NDArray[np.uint8]


def choose_explained(labels: Integers, probabilities: npt.NDArray[np.floating]) -> list[int]:
    """Choose the photos the model was most sure of: up to four right and four wrong ones for each class (two with four
    or more classes), class by class, the right ones first.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k].
    """  # noqa: D205 - the first sentence needs the line
    predictions, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    classes = sorted(set(labels.tolist()), key=lambda one: ((predictions[labels == one] == one).mean(), one))
    most = 4 if len(classes) < MANY_CLASSES else 2
    chosen: list[int] = []
    for number in sorted(classes[:MOST_CLASSES]):
        for right in (True, False):
            places = np.flatnonzero((labels == number) & ((predictions == number) == right))
            chosen += places[np.argsort(-confidences[places], kind="stable")][:most].tolist()
    return chosen


def map_activations(portable: Any, photos: Photos, classes: Integers) -> Floats:
    """Compute where the evidence for a class is, by the network's class activation maps.

    Evidence for all classes alike changes no probability, so the mean over the classes is subtracted.

    Args:
        portable: the network of `build_portable_network`, with evidence.
        photos: uint8 [n, side, side, 3], of the network's size.
        classes: [n] the class to explain.

    Returns:
        [n, rows, columns]; positive where the photo supports the class.
    """
    maps = np.concatenate(
        [
            np.asarray(portable(photos[start : start + BATCH].astype(np.float32), training=False)["evidence"])
            for start in range(0, len(photos), BATCH)
        ]
    ).astype(np.float64)
    of_class: Floats = np.take_along_axis(maps, classes[:, None, None, None], axis=-1)[..., 0]
    centred: Floats = of_class - maps.mean(axis=-1)
    return centred


def occlude(answer: Answer, photos: Photos, classes: Integers) -> Floats:
    """Measure how much log-odds an answer loses when a patch of the photo's mean colour hides a part of it.

    Args:
        answer: the network, from photos to probabilities [k, classes].
        photos: uint8 [n, side, side, 3].
        classes: [n] the class to explain.

    Returns:
        [n, 7, 7]; positive where the hidden part supports the class.
    """
    side = photos.shape[1]
    edges = np.linspace(0, side, PATCHES + 2).round().astype(int)
    maps = []
    for photo, number in zip(photos, classes, strict=True):
        hidden = np.repeat(photo[None], PATCHES * PATCHES + 1, axis=0)
        for place in range(PATCHES * PATCHES):
            row, column = divmod(place, PATCHES)
            hidden[place, edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = photo.mean(axis=(0, 1))
        sure = np.clip(answer(hidden)[:, number].astype(np.float64), _SMALLEST, 1 - _SMALLEST)
        odds = np.log(sure) - np.log1p(-sure)
        maps.append((odds[-1] - odds[:-1]).reshape(PATCHES, PATCHES))
    return np.stack(maps)


def overlay(photo: Photos, evidence: Floats) -> Photos:
    """Return a grey photo with its evidence in colour: orange for the answer, blue against it, stronger if larger.

    Args:
        photo: [side, side, 3].
        evidence: [rows, columns].

    Returns:
        [side, side, 3]; the photo's strongest evidence has the full colour.
    """
    side = photo.shape[0]
    strongest = float(np.abs(evidence).max()) or 1.0
    small = Image.fromarray((evidence / strongest).astype(np.float32))
    heat = np.clip(np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)), -1, 1)[..., None]
    grey = np.repeat(np.asarray(Image.fromarray(photo).convert("L"), np.float32)[..., None], 3, axis=2)
    colour = np.where(heat > 0, _rgb(ORANGE), _rgb(BLUE))
    share = 0.7 * np.abs(heat)
    blended: Photos = np.rint((1 - share) * grey + share * colour).astype(np.uint8)
    return blended


def draw_explanations(
    photos: Photos,
    evidence: Floats,
    labels: Integers,
    probabilities: Floats,
    class_names: Sequence[str],
    members: Sequence[str],
    path: Path,
) -> None:
    """Draw each photo next to a copy with its evidence.

    Args:
        photos: uint8 [n, side, side, 3].
        evidence: [n, rows, columns] for the predicted classes.
        labels: [n] class numbers.
        probabilities: [n, k].
        class_names: the k classes.
        members: [n] the photos' names in their archive.
        path: the PNG file.
    """
    predictions = probabilities.argmax(axis=1)
    cells = _place(labels)
    rows, columns = cells[-1] // PAIRS_IN_A_ROW + 1, PAIRS_IN_A_ROW
    gap = np.full((photos.shape[1], max(1, photos.shape[1] // 40), 3), 255, np.uint8)
    with draw_figure(path, 3.3 * columns, 2.35 * rows + 0.6) as figure:
        figure.suptitle("What it looked at: orange spoke for its answer, blue against", x=0.02, ha="left", fontsize=13)
        for place, (photo, heat) in enumerate(zip(photos, evidence, strict=True)):
            right = predictions[place] == labels[place]
            colour = GREEN if right else RED
            axes = figure.add_subplot(rows, columns, cells[place] + 1)
            frame_photo(axes, np.concatenate([photo, gap, overlay(photo, heat)], axis=1), colour)
            name = shorten(class_names[predictions[place]], 20)
            axes.set_title(
                f"“{name}”  {percent(probabilities[place].max())}", fontsize=10, color=colour, loc="center", pad=5
            )
            truth = shorten(class_names[labels[place]], 20)
            axes.set_xlabel("right" if right else f"wrong: is {truth}", fontsize=9, labelpad=3)
            name_member(axes, members[place], points=19)


def _place(labels: Integers) -> list[int]:
    """Return each photo's cell in the grid; every class starts on a new row."""
    cells: list[int] = []
    for place, label in enumerate(labels):
        following = cells[-1] + 1 if cells else 0
        if place and label != labels[place - 1]:
            following = math.ceil(following / PAIRS_IN_A_ROW) * PAIRS_IN_A_ROW
        cells.append(following)
    return cells


def _rgb(colour: str) -> Floats:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], np.float64)
