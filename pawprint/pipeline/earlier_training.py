"""A training that an earlier run has done: its model, its files and its metrics, taken as they are."""

import logging
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.tracking.artifacts import find_model
from pawprint.tracking.digests import fetch_files
from pawprint.tracking.metrics import MetricSender
from pawprint.tracking.models import fetch_model_files
from pawprint.tracking.tags import get_tag
from pawprint.training.history import read_history

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierTraining:
    """What was taken.

    Attributes:
        run_id: the run that has learned.
        model_digest: of the model's files.
        history: an entry for each epoch, as `pawprint.training.epochs.Training` has it.
        best_epoch: whose weights the model has, from 1.
    """

    run_id: str
    model_digest: str
    history: list[dict[str, float]]
    best_epoch: int


def take_training(learned: Run, sender: MetricSender, *, files: Path, model: Path) -> EarlierTraining | None:
    """Take what a finished training has left, each file held against its digest.

    Args:
        learned: its run.
        sender: of this run; it gets the metrics, with the times at which they were measured.
        files: a folder that gets history.csv and curves.png.
        model: a folder that gets the model's files.

    Returns:
        None, and a warning, where that can't be had, so that it must be trained after all.
    """
    try:
        model_digest = fetch_model_files(find_model(learned).removeprefix("models:/"), model)
        fetch_files(learned, files)
        histories = [
            MlflowClient().get_metric_history(_id(learned), name)
            for name in learned.data.metrics
            if not name.startswith("system/")  # what the machine did meanwhile
        ]
    except (UserError, MlflowException, OSError) as error:
        logger.warning("warning: run %s has trained the same, but its model can't be taken: %s", _id(learned), error)
        return None
    for one in sorted(chain(*histories), key=lambda one: (one.timestamp, one.step)):
        sender.log({one.key: one.value}, step=one.step, timestamp_ms=one.timestamp)
    return EarlierTraining(
        # What was taken itself is not where it was learned.
        run_id=get_tag(learned, "learned_in") or _id(learned),
        model_digest=model_digest,
        history=read_history(files / "history.csv"),
        best_epoch=int(learned.data.metrics["best_epoch"]),
    )


def _id(run: Run) -> str:
    return str(run.info.run_id)
