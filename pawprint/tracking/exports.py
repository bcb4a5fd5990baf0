"""Open the exports of a model, which are artifacts of the run that trained it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient

from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.digests import groups_of

GROUP = "export"
"""Folder of the exports in the run's artifacts, and name of their group of digests."""


@contextmanager
def open_exports(model_id: str) -> Iterator[Path | None]:
    """Yield the folder of a model's exports, or None if it was trained without `export`.

    Raises:
        UserError: the exports are missing in the run that trained the model.
    """
    client = MlflowClient()
    run_id = client.get_logged_model(model_id).source_run_id
    run = client.get_run(run_id) if run_id else None
    if run is None or GROUP not in groups_of(run):
        yield None
        return
    with open_artifact(f"runs:/{run_id}/{GROUP}", expected=f"runs:/<run id of train>/{GROUP}") as folder:
        yield folder
