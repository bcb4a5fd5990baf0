"""Decide where a training starts: at the first epoch, at a checkpoint, or with the model of an earlier run."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.pipeline.cache_keys import build_key
from pawprint.pipeline.reuse import CACHE_TAG, KEY_TAG, TRAINING_TAG, find_whole_run
from pawprint.tracking.tags import PARENT_TAG

AFTERWARDS = ("export", "cost", "minutes")
"""Parameters of train that do not change the network; what `minutes` decides is in the epochs."""


@dataclass(frozen=True)
class Start:
    """The start of a training.

    Attributes:
        key: key of the training's checkpoints and result; None to store and reuse nothing.
        anew: whether to discard checkpoints with this key.
        learned: the finished run that has trained the same, whose model can be copied; or None.
    """

    key: str | None
    anew: bool = False
    learned: Run | None = None


def training_key(parameters: Mapping[str, object], dataset_digest: str, weights_digest: str | None = None) -> str:
    """Return the key of a training: the cache key of train without `export`, `cost` and `minutes`.

    Args:
        parameters: parameters of train without the URIs of the inputs, resolved; `auto` remains only for parameters
            that the architecture does not use.
        dataset_digest: digest of the dataset.
        weights_digest: digest of the weights that it begins with, if they are given.
    """
    inputs = {"dataset": dataset_digest} | ({"weights": weights_digest} if weights_digest else {})
    learned = {name: value for name, value in parameters.items() if name not in AFTERWARDS and value != "auto"}
    return build_key("train", learned, inputs).digest


def find_learned(key: str, experiment_id: str) -> Run | None:
    """Return the newest finished training with this key and intact artifacts in an experiment, or None."""
    return find_whole_run(TRAINING_TAG, key, experiment_id)


def find_start(
    run: Run, parameters: Mapping[str, object], dataset_digest: str, *, export: str, weights_digest: str | None = None
) -> Start:
    """Return where a training starts.

    Args:
        run: the started run of the training.
        parameters: all parameters but the URIs of the inputs and `export`, with `auto` resolved.
        dataset_digest: digest of the dataset.
        export: requested export formats.
        weights_digest: digest of the weights that it begins with, if they are given.

    Returns:
        If main starts the training, it depends on `cache`. `on` uses checkpoints and finished trainings. `off`, which
        gives steps no key, stores and uses nothing. `refresh` uses nothing from before, not even checkpoints of an
        earlier refresh that was killed; since it discards old checkpoints at its start, `cache=on` after such a kill
        resumes from the new ones.
        If a user starts the training alone, without a cache, it resumes from checkpoints, and copies a finished
        training only if an export is requested.
    """
    tags = MlflowClient().get_run(run.info.run_id).data.tags
    keyed = KEY_TAG in tags
    if not keyed and PARENT_TAG in tags:
        return Start(None)
    key = training_key(parameters, dataset_digest, weights_digest)
    if tags.get(CACHE_TAG) == "refresh":
        return Start(key, anew=True)
    return Start(key, learned=find_learned(key, run.info.experiment_id) if keyed or export else None)
