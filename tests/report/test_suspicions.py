from pathlib import Path

import mlflow
import numpy as np

from pawprint.evaluation.doubts import Predictions
from pawprint.evaluation.results import evaluate_predictions
from pawprint.report.graph import Lineage, Training
from pawprint.report.suspicions import find_suspicions
from pawprint.tracking.digests import log_folder

LABELS = np.array([0, 0, 0, 1, 1, 1])
NAMES = ("cats", "dogs")


class NoImages:
    def __getitem__(self, places, /):
        return np.zeros((len(places), 8, 8, 3), np.uint8)


def log_repeat(store: Path, number: int, dogs: list[float], held_out: float | None = None) -> Training:
    """Log the evaluation of a model that gives these probabilities of a dog."""
    validation = None
    if held_out is not None:
        validation = Predictions("validation", ("held out",), np.array([0]), np.array([[1 - held_out, held_out]]))
    with mlflow.start_run() as run:
        folder = store / f"{number}" / "evaluation"
        folder.parent.mkdir()
        evaluate_predictions(
            labels=LABELS,
            probabilities=np.stack([1 - np.array(dogs), dogs], axis=1),
            class_names=NAMES,
            members=[f"photo {place}" for place in range(len(LABELS))],
            images=NoImages(),
            folder=folder,
            validation=validation,
        )
        log_folder(folder, "evaluation")
    return Training(run=run, model=None, evaluations=[run])


def test_repeats_doubt_together(store: Path) -> None:
    """Photo 0 looks wrong to one model and right to the other; photo 1 wrong to both, more than to either alone."""
    first = log_repeat(store, 1, [0.9, 0.8, 0.1, 0.9, 0.9, 0.9], held_out=0.95)
    second = log_repeat(store, 2, [0.1, 0.98, 0.1, 0.8, 0.9, 0.9], held_out=0.97)
    doubts = find_suspicions(Lineage(trainings=[first, second]))
    assert [(doubt.member, doubt.split) for doubt in doubts] == [("held out", "validation"), ("photo 1", "test")]
    np.testing.assert_allclose(doubts[1].probability, 0.89)


def test_a_split_that_not_every_repeat_has_judged_is_left_out(store: Path) -> None:
    first = log_repeat(store, 1, [0.1, 0.1, 0.1, 0.9, 0.9, 0.9], held_out=0.95)
    second = log_repeat(store, 2, [0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    assert find_suspicions(Lineage(trainings=[first, second])) == []
