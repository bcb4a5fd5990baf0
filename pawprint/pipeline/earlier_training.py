"""Copy the model, files and metrics of an earlier run that has trained the same."""

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
    """A copied training.

    Attributes:
        run_id: the run that trained.
        model_digest: digest of the model's files.
        history: an entry for each epoch, as in `pawprint.training.epochs.Training`.
        best_epoch: epoch whose weights the model has, from 1.
        earlier: number of epochs before fine-tuning began; 0 if it did not.
    """

    run_id: str
    model_digest: str
    history: list[dict[str, float]]
    best_epoch: int
    earlier: int


def take_training(learned: Run, sender: MetricSender, *, files: Path, model: Path) -> EarlierTraining | None:
    """Copy the results of a finished training, and compare each file with its digest.

    Args:
        learned: run of the finished training.
        sender: sender of the active run; it gets the metrics with their original times.
        files: target folder of history.csv and curves.png.
        model: target folder of the model's files.

    Returns:
        The copied training, or None with a warning if it cannot be copied and must be trained again.
    """
    try:
        model_digest = fetch_model_files(find_model(learned).removeprefix("models:/"), model)
        fetch_files(learned, files)
        histories = [
            MlflowClient().get_metric_history(_id(learned), name)
            for name in learned.data.metrics
            if not name.startswith("system/")  # the load of the machine at that time
        ]
    except (UserError, MlflowException, OSError) as error:
        logger.warning("warning: run %s has trained the same, but its model can't be taken: %s", _id(learned), error)
        return None
    for one in sorted(chain(*histories), key=lambda one: (one.timestamp, one.step)):
        sender.log({one.key: one.value}, step=one.step, timestamp_ms=one.timestamp)
    return EarlierTraining(
        # The run may itself have copied the training.
        run_id=get_tag(learned, "learned_in") or _id(learned),
        model_digest=model_digest,
        history=read_history(files / "history.csv"),
        best_epoch=int(learned.data.metrics["best_epoch"]),
        earlier=int(learned.data.metrics.get("finetuned_from", 1)) - 1,
    )


def _id(run: Run) -> str:
    return str(run.info.run_id)
