"""Labels that look wrong: photos whose label a model doubts that has not learned from them.

Confident learning, as Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels"
(2021, JAIR), have it: a model is sure of a class where it gives it at least the probability that it gives on average
to photos so labelled; a photo is doubted where the class it is most sure of is not its label. A class that the model
is never sure of is thereby no reason to doubt, nor is a model that is timid everywhere.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pawprint.evaluation.bootstrap import Floats, Integers

COLUMNS = ("member", "split", "label", "suggestion", "probability", "self_confidence", "normalized_margin")


@dataclass(frozen=True)
class Predictions:
    """What a model said of the photos of one split."""

    split: str
    members: tuple[str, ...]
    """[n] names in the archive."""
    labels: Integers
    """[n] class numbers."""
    probabilities: Floats
    """[n, k]."""


@dataclass(frozen=True)
class Doubt:
    """A photo whose label looks wrong."""

    member: str
    split: str
    label: str
    suggestion: str
    """The class that the model is sure of."""
    probability: float
    """Of the suggestion."""
    self_confidence: float
    """Probability of the label."""
    normalized_margin: float
    """Probability of the label less the largest of another class: -1 is the surest doubt."""


def find_doubts(predictions: Sequence[Predictions], class_names: Sequence[str]) -> list[Doubt]:
    """Find the photos whose label a model doubts.

    Args:
        predictions: of splits that the model has not learned from; photos that it has learned, label and all, would
            hardly be doubted.
        class_names: the k classes.

    Returns:
        The surest doubt first: by normalized margin, then by name.
    """
    doubts: list[Doubt] = []
    if not predictions:
        return doubts
    sure_from = _class_thresholds(
        np.concatenate([each.labels for each in predictions]),
        np.concatenate([each.probabilities for each in predictions]),
    )
    for each in predictions:
        sure = np.where(each.probabilities >= sure_from, each.probabilities, -1.0)
        suggestions = sure.argmax(axis=1)
        doubted = (sure.max(axis=1) >= 0) & (suggestions != each.labels)
        for photo in np.flatnonzero(doubted):
            row, label, suggestion = each.probabilities[photo], int(each.labels[photo]), int(suggestions[photo])
            others = np.delete(row, label)
            doubts.append(
                Doubt(
                    member=each.members[photo],
                    split=each.split,
                    label=class_names[label],
                    suggestion=class_names[suggestion],
                    probability=float(row[suggestion]),
                    self_confidence=float(row[label]),
                    normalized_margin=float(row[label] - others.max()),
                )
            )
    return sorted(doubts, key=lambda doubt: (doubt.normalized_margin, doubt.member))


def format_doubts(doubts: Iterable[Doubt]) -> str:
    """Return what suspicious_labels.csv holds."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for doubt in doubts:
        figures = (doubt.probability, doubt.self_confidence, doubt.normalized_margin)
        writer.writerow([doubt.member, doubt.split, doubt.label, doubt.suggestion, *(f"{x:.6g}" for x in figures)])
    return text.getvalue()


def read_predictions(path: Path, split: str, class_names: Sequence[str]) -> Predictions:
    """Read what evaluate wrote of the photos of a split: predictions.csv or validation_predictions.csv."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    number = {name: place for place, name in enumerate(class_names)}
    probabilities = [[float(row[f"probability_{name}"]) for name in class_names] for row in rows]
    return Predictions(
        split,
        tuple(row["member"] for row in rows),
        np.array([number[row["label"]] for row in rows], np.int64),
        np.array(probabilities, np.float64).reshape(len(rows), len(class_names)),
    )


def _class_thresholds(labels: Integers, probabilities: Floats) -> Floats:
    """Return the mean probability of each class among the photos so labelled, [k]; never reached where none is."""
    thresholds = np.full(probabilities.shape[1], np.inf)
    for number in np.unique(labels):
        thresholds[number] = probabilities[labels == number, number].mean()
    return thresholds
