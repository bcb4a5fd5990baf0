"""Choose the photos of a main run that are worth a look, and say why: the queue of review.html."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawprint.base.tables import read_dicts
from pawprint.dataset.corrections import Correction, read_corrections
from pawprint.dataset.reader import Dataset
from pawprint.evaluation.doubts import Predictions, find_doubts
from pawprint.evaluation.slices import Slice, find_worst
from pawprint.models.kind import measure_traits

SHOWN = 5
"""Most classes whose probabilities are shown."""
MOST_UNLIKE, MOST_UNSURE, MOST_WEAK = 40, 60, 40
"""Most photos shown for these reasons; of doubted labels and conflicts, all are."""
UNSURE_BELOW = 0.6
"""Probability of the label minus that of the next class, below which a model counts as unsure."""
APPLIED = {"relabelled", "left out", "confirmed"}
"""Outcomes of earlier corrections after which a photo is not shown again."""
UNLIKE, UNSURE = "Unlike anything that the model learned from", "A model is unsure of it"


@dataclass
class Suspect:
    """A photo that is worth a look.

    Attributes:
        member: its name.
        digest: sha256 of its file; "" until it is read, for a photo that is not in the dataset.
        split: its side, "" for a photo that is not in the dataset.
        label: its label of now.
        original: its label in the source.
        answers: the likeliest classes with their probabilities; empty if no model was asked.
        why: the reasons, the first of which gave it its place.
    """

    member: str
    digest: str
    split: str
    label: str
    original: str
    answers: list[tuple[str, float]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


def read_index(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a dataset's index.csv by the photos' names."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return {row["member"]: row for row in read_dicts(file)}


def read_earlier(folder: Path) -> tuple[list[Correction], set[str]]:
    """Return the corrections that a dataset was made with, and the digests of photos that are settled by them."""
    path = folder / "corrections.csv"
    if not path.is_file():
        return [], set()
    with path.open(newline="", encoding="utf-8") as file:
        settled = {row["digest"] for row in read_dicts(file) if row["outcome"] in APPLIED}
    return read_corrections(path, "corrections.csv"), settled


def build_queue(
    folder: Path,
    data: Dataset,
    opinions: Sequence[Predictions],
    slices: Sequence[Slice],
    labels: Mapping[str, str],
) -> list[Suspect]:
    """Return the photos, the most valuable first.

    Doubted labels of training and validation photos come first, since these can be mended without changing the test;
    then photos under two labels, doubted labels of test photos, photos unlike anything learned, those that a model was
    least sure of, and mistakes in the weakest slice.

    Args:
        folder: the dataset's folder.
        data: the dataset.
        opinions: the predictions for each split, of models that have not learned the labels.
        slices: the accuracy on parts of the test photos.
        labels: the label of each photo of the source, by name; empty if the source can't be read.
    """
    index, found = read_index(folder), dict[str, Suspect]()
    settled = read_earlier(folder)[1]
    answers = {member: row for each in opinions for member, row in zip(each.members, each.probabilities, strict=True)}

    def add(member: str, why: str) -> None:
        if member not in found:
            row = index.get(member, {})
            label = row.get("label") or labels[member]
            suspect = Suspect(
                member, row.get("sha256", ""), row.get("split", ""), label, row.get("original_label") or label
            )
            suspect.answers = name_answers(answers.get(member), data.class_names)
            found[member] = suspect
        found[member].why.append(why)

    doubts = find_doubts(opinions, data.class_names)
    reasons = [
        *((d.member, _explain_doubt(d.suggestion, d.probability)) for d in doubts if d.split != "test"),
        *_find_conflicts(folder, labels),
        *((d.member, _explain_doubt(d.suggestion, d.probability)) for d in doubts if d.split == "test"),
        *_find_unlike(opinions),
        *_find_unsure(opinions, {doubt.member for doubt in doubts}),
        *_find_weak(data, opinions, slices),
    ]
    for member, why in reasons:
        if member in index or member in labels:
            add(member, why)
    return [suspect for suspect in found.values() if suspect.digest not in settled]


def _explain_doubt(suggestion: str, probability: float) -> str:
    return f"Its label is doubted: {suggestion}, says a model that has not learned it, with {100 * probability:.0f} %"


def name_answers(row: NDArray[Any] | None, class_names: Sequence[str]) -> list[tuple[str, float]]:
    """Return the likeliest classes with their probabilities; none where no model was asked."""
    if row is None:
        return []
    return [(class_names[place], round(float(row[place]), 4)) for place in np.argsort(-row, kind="stable")[:SHOWN]]


def _find_conflicts(folder: Path, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the photos that were left out since the same picture has two labels, and copies of two labels."""
    with (folder / "quarantine.csv").open(newline="", encoding="utf-8") as file:
        for row in read_dicts(file):
            if " the labels " in row["reason"] and row["member"] in labels:
                yield row["member"], f"It is not used: {row['reason']}"
    with (folder / "near_duplicates.csv").open(newline="", encoding="utf-8") as file:
        for row in read_dicts(file):
            if row["kind"] == "copy" and row["first_label"] != row["second_label"]:
                for one, other in (("first", "second"), ("second", "first")):
                    yield row[one], f"A copy of it, {row[other]}, is labelled {row[f'{other}_label']}"


def _find_unlike(opinions: Iterable[Predictions]) -> list[tuple[str, str]]:
    scores = [
        (-float(score), member)
        for each in opinions
        if each.unlikeness is not None
        for member, score in zip(each.members, each.unlikeness, strict=True)
        if score > 1
    ]
    return [(member, UNLIKE) for _, member in sorted(scores)[:MOST_UNLIKE]]


def _find_unsure(opinions: Iterable[Predictions], doubted: set[str]) -> list[tuple[str, str]]:
    """Return photos by the margin of their label, the smallest first, those of the test last."""
    margins = []
    for each in opinions:
        own = each.probabilities[np.arange(len(each.labels)), each.labels]
        others = each.probabilities.copy()
        others[np.arange(len(each.labels)), each.labels] = -1
        margins += [
            (each.split == "test", float(margin), member)
            for member, margin in zip(each.members, own - others.max(axis=1), strict=True)
            if margin < UNSURE_BELOW and member not in doubted
        ]
    return [(member, UNSURE) for _, _, member in sorted(margins)[:MOST_UNSURE]]


def _find_weak(data: Dataset, opinions: Iterable[Predictions], slices: Sequence[Slice]) -> Iterator[tuple[str, str]]:
    """Yield test photos that got the wrong answer and are of the weakest slice, the surest mistake first."""
    worst, test = find_worst(slices), data.split("test")
    judged = next((each for each in opinions if each.split == "test"), None)
    if worst is None or test is None or judged is None or judged.members != test.members:
        return
    wrong = np.flatnonzero(judged.probabilities.argmax(axis=1) != judged.labels)
    wrong = wrong[np.argsort(-judged.probabilities[wrong].max(axis=1), kind="stable")]
    if not math.isnan(worst.start) and worst.trait not in test.columns:
        values = measure_traits(test.images[wrong])[worst.trait] if len(wrong) else np.zeros(0)
        inside = [place for place, value in zip(wrong, values, strict=True) if worst.start <= value <= worst.end]
        name = f"{worst.name} by {worst.trait}"
    else:
        of_class = [data.class_names[number] for number in test.labels]
        column = of_class if worst.trait == "class" else test.columns.get(worst.trait, ("",) * len(test))
        inside, name = [place for place in wrong if column[place] == worst.name], f"{worst.trait} {worst.name}"
    for place in inside[:MOST_WEAK]:
        yield test.members[place], f"A mistake in the weakest slice: {name}"
