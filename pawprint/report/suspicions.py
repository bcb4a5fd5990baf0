"""Find labels that look wrong, by the mean prediction of all repeats' models."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pawprint.evaluation.doubts import Doubt, Predictions, find_doubts, read_predictions
from pawprint.report.graph import Lineage
from pawprint.tracking.artifacts import open_artifact

FILES = {"test": "predictions.csv", "validation": "validation_predictions.csv"}


def find_suspicions(lineage: Lineage) -> list[Doubt]:
    """Return photos whose label the mean probabilities of all repeats contradict, the most certain first.

    Args:
        lineage: chain of a main run. All repeats were trained on the same photos, and on none of those judged here.
    """
    predictions, class_names = [], list[str]()
    for training in lineage.trainings:
        uri = f"runs:/{training.evaluations[-1].info.run_id}/evaluation"
        with open_artifact(uri, expected="runs:/<run id of evaluate>/evaluation") as folder:
            class_names = json.loads((folder / "metrics.json").read_text("utf-8"))["class_names"]
            predictions.append(_read(folder, class_names))
    # Only splits with predictions of every repeat count.
    splits = [split for split in FILES if all(split in one for one in predictions)]
    return find_doubts([_average(one[split] for one in predictions) for split in splits], class_names)


def _read(folder: Path, class_names: Sequence[str]) -> dict[str, Predictions]:
    return {
        split: read_predictions(folder / name, split, class_names)
        for split, name in FILES.items()
        if (folder / name).is_file()
    }


def _average(repeats: Iterable[Predictions]) -> Predictions:
    """Return the mean of several models' probabilities for the same photos."""
    every = list(repeats)
    first = every[0]
    if any(other.members != first.members for other in every):
        raise ValueError(f"the repeats were not judged on the same {first.split} photos")
    return Predictions(first.split, first.members, first.labels, np.mean([o.probabilities for o in every], axis=0))
