"""Find labels that look wrong, by the mean prediction of all repeats' models."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pawprint.evaluation.doubts import Doubt, Predictions, find_doubts, name_predictions, read_predictions
from pawprint.report.graph import Lineage
from pawprint.tracking.artifacts import open_artifact

SPLITS = ("train", "validation", "test")


def read_opinions(lineage: Lineage) -> tuple[list[Predictions], list[str]]:
    """Return the mean predictions of all repeats for each split, with the class names.

    Args:
        lineage: chain of a main run. All repeats were trained on the same photos, and none of the labels that are
            judged was learned by what judges it.
    """
    predictions, class_names = [], list[str]()
    for training in lineage.trainings:
        uri = f"runs:/{training.evaluations[-1].info.run_id}/evaluation"
        with open_artifact(uri, expected="runs:/<run id of evaluate>/evaluation") as folder:
            class_names = json.loads((folder / "metrics.json").read_text("utf-8"))["class_names"]
            predictions.append(_read(folder, class_names))
    # Only splits with predictions of every repeat count.
    splits = [split for split in SPLITS if all(split in one for one in predictions)]
    return [_average(one[split] for one in predictions) for split in splits], class_names


def find_suspicions(lineage: Lineage) -> list[Doubt]:
    """Return photos whose label the mean probabilities of all repeats contradict, the most certain first."""
    return find_doubts(*read_opinions(lineage))


def _read(folder: Path, class_names: Sequence[str]) -> dict[str, Predictions]:
    names = {split: name_predictions(split) for split in SPLITS}
    return {
        split: read_predictions(folder / name, split, class_names)
        for split, name in names.items()
        if (folder / name).is_file()
    }


def _average(repeats: Iterable[Predictions]) -> Predictions:
    """Return the mean of several models' probabilities for the same photos."""
    every = list(repeats)
    first = every[0]
    if any(other.members != first.members for other in every):
        raise ValueError(f"the repeats were not judged on the same {first.split} photos")
    unlike = [other.unlikeness for other in every if other.unlikeness is not None]
    return replace(
        first,
        probabilities=np.mean([other.probabilities for other in every], axis=0),
        unlikeness=np.mean(unlike, axis=0) if len(unlike) == len(every) else None,
    )
