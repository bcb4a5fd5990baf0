"""Where a training starts: at its first epoch, where one that was killed had come to, or with all learned already."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.pipeline.cache_keys import build_key
from pawprint.pipeline.reuse import CACHE_TAG, KEY_TAG, TRAINING_TAG, find_whole_run
from pawprint.tracking.tags import PARENT_TAG


@dataclass(frozen=True)
class Start:
    """What a training may go on from.

    Attributes:
        key: of all that decides what is learned; None where nothing is to be kept, or taken.
        anew: what is kept under the key is to be discarded.
        learned: the finished run that has learned the same, whose model needs no training.
    """

    key: str | None
    anew: bool = False
    learned: Run | None = None


def training_key(parameters: Mapping[str, object], dataset_digest: str) -> str:
    """Return the key of what a training learns: the cache key of train, whatever is exported afterwards.

    Args:
        parameters: of train but for the URIs of its inputs, resolved; what is `auto` all the same, this architecture
            does not take.
        dataset_digest: of the photos.
    """
    learned = {name: value for name, value in parameters.items() if name != "export" and value != "auto"}
    return build_key("train", learned, {"dataset": dataset_digest}).digest


def find_learned(key: str, experiment_id: str) -> Run | None:
    """Return the newest finished training of an experiment with this key whose artifacts are whole, or None."""
    return find_whole_run(TRAINING_TAG, key, experiment_id)


def find_start(run: Run, parameters: Mapping[str, object], dataset_digest: str, *, export: str) -> Start:
    """Say where a training starts.

    Args:
        run: the training's, once its step has started.
        parameters: every parameter but the URIs of its inputs and `export`, resolved: no `auto`.
        dataset_digest: of the photos.
        export: what the person wants exported.

    Returns:
        One that main starts with cache=on goes on from all there is. cache=off, which gives its steps no key, keeps
        and takes nothing. cache=refresh trusts nothing from before, not even an earlier refresh that was killed; as it
        discards the old checkpoints when it starts, cache=on after such a kill goes on from what it had come to.
        One that a person starts alone, whom no cache was promised, goes on after a kill, and takes a finished model
        if all that is wanted is its export.
    """
    tags = MlflowClient().get_run(run.info.run_id).data.tags
    keyed = KEY_TAG in tags
    if not keyed and PARENT_TAG in tags:
        return Start(None)
    key = training_key(parameters, dataset_digest)
    if tags.get(CACHE_TAG) == "refresh":
        return Start(key, anew=True)
    return Start(key, learned=find_learned(key, run.info.experiment_id) if keyed or export else None)
