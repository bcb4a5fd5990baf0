"""Which checkpoints are a training's own: those under its cache key, whoever started it."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.lineage.cache_keys import build_key
from pawprint.lineage.reuse import CACHE_TAG, KEY_TAG
from pawprint.lineage.runs import PARENT_TAG


def find_checkpoints(run: Run, parameters: Mapping[str, object], dataset_digest: str) -> tuple[str | None, bool]:
    """Say where a training's checkpoints are, and whether it must start anew all the same.

    Args:
        run: the training's, once its step has started.
        parameters: every parameter but the URIs of its inputs, resolved: no `auto`.
        dataset_digest: of the photos.

    Returns:
        The cache key that main has given it; a training that a person started alone builds the same one. None where
        another run started it without a key, as main does with cache=off. And whether main was told cache=refresh:
        that trusts nothing from before, not even an earlier refresh that was killed. As a refresh discards the old
        checkpoints when it starts, cache=on after such a kill goes on from what the refresh had come to.
    """
    tags = MlflowClient().get_run(run.info.run_id).data.tags
    key = tags.get(KEY_TAG)
    if key is None and PARENT_TAG not in tags:
        key = build_key("train", parameters, {"dataset": dataset_digest}).digest
    return key, tags.get(CACHE_TAG) == "refresh"
