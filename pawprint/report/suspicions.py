"""Labels that look wrong to the models of all repeats together."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pawprint.evaluation.doubts import Doubt, Predictions, find_doubts, read_predictions
from pawprint.report.graph import Lineage
from pawprint.tracking.artifacts import open_artifact

FILES = {"test": "predictions.csv", "validation": "validation_predictions.csv"}


def find_suspicions(lineage: Lineage) -> list[Doubt]:
    """Return the photos whose label the repeats' models, by the mean of their probabilities, doubt; surest first.

    Args:
        lineage: of a main run. All its repeats learned from the same photos and from none of these.
    """
    said, class_names = [], list[str]()
    for training in lineage.trainings:
        uri = f"runs:/{training.evaluations[-1].info.run_id}/evaluation"
        with open_artifact(uri, expected="runs:/<run id of evaluate>/evaluation") as folder:
            class_names = json.loads((folder / "metrics.json").read_text("utf-8"))["class_names"]
            said.append(_read(folder, class_names))
    # A split counts where every repeat has spoken of it.
    splits = [split for split in FILES if all(split in one for one in said)]
    return find_doubts([_average(one[split] for one in said) for split in splits], class_names)


def _read(folder: Path, class_names: Sequence[str]) -> dict[str, Predictions]:
    return {
        split: read_predictions(folder / name, split, class_names)
        for split, name in FILES.items()
        if (folder / name).is_file()
    }


def _average(repeats: Iterable[Predictions]) -> Predictions:
    """Return the mean of the probabilities that several models gave to the same photos."""
    every = list(repeats)
    first = every[0]
    if any(other.members != first.members for other in every):
        raise ValueError(f"the repeats were not judged on the same {first.split} photos")
    return Predictions(first.split, first.members, first.labels, np.mean([o.probabilities for o in every], axis=0))
