"""Find labels that look wrong: photos whose label is doubted by a model that was not trained on them.

This is confident learning as in Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels" (2021, JAIR). A model is sure of a class if its probability is at least the mean probability of that class over
the photos labelled with it. A photo is doubted if the class the model is most sure of is not its label. So neither a
class the model is never sure of nor a model with low confidence everywhere leads to doubts.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawprint.base.tables import TableWriter, read_dicts
from pawprint.evaluation.bootstrap import Floats, Integers

COLUMNS = ("member", "split", "label", "suggestion", "probability", "self_confidence", "normalized_margin")

_BLOCK = 4096
"""Photos that are looked at together: a copy of all would double the memory."""


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for the photos of one split."""

    split: str
    members: tuple[str, ...]
    """[n] names of the photos in the archive."""
    labels: Integers
    """[n] class numbers."""
    probabilities: NDArray[np.floating]
    """[n, k]."""
    unlikeness: NDArray[np.floating] | None = None
    """[n], above 1 for photos unlike anything that the model learned from; None if it was not measured."""


@dataclass(frozen=True)
class Doubt:
    """A photo whose label looks wrong."""

    member: str
    split: str
    label: str
    suggestion: str
    """The class the model is sure of."""
    probability: float
    """The model's probability of the suggestion."""
    self_confidence: float
    """The model's probability of the label."""
    normalized_margin: float
    """Probability of the label minus the largest one of another class; -1 is the strongest doubt."""


def find_doubts(predictions: Sequence[Predictions], class_names: Sequence[str]) -> list[Doubt]:
    """Find the photos whose label a model doubts.

    What the training photos are judged by is another model, with thresholds of its own.

    Args:
        predictions: predictions for splits the model was not trained on; a photo from the training, label included,
            would hardly be doubted.
        class_names: the k classes.

    Returns:
        The strongest doubt first: sorted by normalized margin, then by name.
    """
    found = [one for own in (True, False) for one in _find_doubts(_of_training(predictions, own), class_names)]
    return sorted(found, key=lambda doubt: (doubt.normalized_margin, doubt.member))


def _of_training(predictions: Sequence[Predictions], wanted: bool) -> list[Predictions]:
    return [each for each in predictions if (each.split == "train") is wanted]


def _find_doubts(predictions: Sequence[Predictions], class_names: Sequence[str]) -> list[Doubt]:
    doubts: list[Doubt] = []
    if not predictions:
        return doubts
    sure_from = _class_thresholds(predictions)
    for each in predictions:
        suggestions = _suggest(each.probabilities, sure_from)
        for photo in np.flatnonzero((suggestions >= 0) & (suggestions != each.labels)):
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
    return doubts


def format_doubts(doubts: Iterable[Doubt]) -> str:
    """Return the content of suspicious_labels.csv."""
    text = io.StringIO(newline="")
    writer = TableWriter(text)
    writer.writerow(COLUMNS)
    for doubt in doubts:
        figures = (doubt.probability, doubt.self_confidence, doubt.normalized_margin)
        writer.writerow([doubt.member, doubt.split, doubt.label, doubt.suggestion, *(f"{x:.6g}" for x in figures)])
    return text.getvalue()


def name_predictions(split: str) -> str:
    """Return the name of the file with the predictions of a split."""
    return "predictions.csv" if split == "test" else f"{split}_predictions.csv"


def read_predictions(path: Path, split: str, class_names: Sequence[str]) -> Predictions:
    """Read the predictions of a split that evaluate wrote: predictions.csv, or those of the other splits.

    If there are many, their probabilities are read from the Parquet file beside it.
    """
    number = {name: place for place, name in enumerate(class_names)}
    if (columnar := path.with_suffix(".parquet")).is_file():
        from pyarrow import parquet

        table = parquet.read_table(columnar)
        probabilities = np.empty((len(table), len(class_names)), np.float32)
        for name, place in number.items():
            probabilities[:, place] = table[f"probability_{name}"]
        labels = np.array([number[label] for label in table["label"].to_pylist()], np.int64)
        unlikeness = table["unlikeness"].to_numpy() if "unlikeness" in table.column_names else None
        return Predictions(split, tuple(table["member"].to_pylist()), labels, probabilities, unlikeness)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(read_dicts(file))
    figures = [[float(row[f"probability_{name}"]) for name in class_names] for row in rows]
    return Predictions(
        split,
        tuple(row["member"] for row in rows),
        np.array([number[row["label"]] for row in rows], np.int64),
        np.array(figures, np.float64).reshape(len(rows), len(class_names)),
        np.array([float(row["unlikeness"]) for row in rows]) if rows and "unlikeness" in rows[0] else None,
    )


def _suggest(probabilities: NDArray[np.floating], sure_from: Floats) -> Integers:
    """Return the class that the model is most sure of for each photo, [n]; -1 if it is sure of none."""
    suggestions = np.empty(len(probabilities), np.int64)
    for start in range(0, len(probabilities), _BLOCK):
        block = probabilities[start : start + _BLOCK]
        sure = np.where(block >= sure_from, block, -1.0)
        suggestions[start : start + _BLOCK] = np.where(sure.max(axis=1) >= 0, sure.argmax(axis=1), -1)
    return suggestions


def _class_thresholds(predictions: Sequence[Predictions]) -> Floats:
    """Return the mean probability of each class over the photos with that label, [k]; infinite if there are none."""
    labels = np.concatenate([each.labels for each in predictions])
    of_label = np.concatenate([each.probabilities[np.arange(len(each.labels)), each.labels] for each in predictions])
    thresholds = np.full(predictions[0].probabilities.shape[1], np.inf)
    for number in np.unique(labels):
        thresholds[number] = of_label[labels == number].mean()
    return thresholds
