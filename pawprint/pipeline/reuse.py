"""Steps found again by their key, and the run that stands in the tree for one that was not run again."""

import json
import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from pawprint.pipeline.cache_keys import CacheKey
from pawprint.tracking.active import active_run
from pawprint.tracking.datasets import log_inputs
from pawprint.tracking.digests import TAG as DIGEST_TAG
from pawprint.tracking.digests import find_damage, groups_of
from pawprint.tracking.tags import (
    ENTRY_POINT_TAG,
    ENVIRONMENT,
    MAX_TAG_CHARACTERS,
    NOTE_TAG,
    PARENT_TAG,
    PREFIX,
    get_group,
    pack,
)

KEY_TAG = f"{PREFIX}cache_key"
PARTS_TAG = f"{PREFIX}cache_parts"
FROM_TAG = f"{PREFIX}cached_from"
TRAINING_TAG = f"{PREFIX}training_key"
"""Key of what a training has learned, however it was exported, once its model is logged."""
CACHE_TAG = f"{PREFIX}cache"
"""What main was told of the cache, on the steps that it ran, unless it was `on`."""
TRIAL_TAG = f"{PREFIX}trial"
"""Number of a trial, on its run."""
_NOT_TAKEN_OVER = {
    *(KEY_TAG, PARTS_TAG, TRAINING_TAG, CACHE_TAG, TRIAL_TAG),
    *(f"{PREFIX}{ENVIRONMENT}", f"{PREFIX}{DIGEST_TAG}"),
    *(f"{PREFIX}pid", f"{PREFIX}process_started"),  # of runs of earlier versions
}
"""Of the original, by the run that stands for it: it is not found itself, and has no artifacts of its own."""
_OF_THE_PROCESS = ("pid", "process_started")
"""What is not taken over of the environment: no process is behind the run that may be gone."""
_CANDIDATES = 5
"""Matches that are tried, newest first, before a step is run again: more damaged ones in a row are no accident."""
_BATCH = 1000
"""Metrics that MLflow takes at once."""


def key_tags(key: CacheKey | None, *, cache: str = "on") -> dict[str, str]:
    """Return the tags, without their prefix, by which a run will be found again and knows what was said of the cache.

    Args:
        key: None where it is not known.
        cache: with `off` the run is not found again.
    """
    tags = {} if cache == "on" else {"cache": cache}
    if key is None or cache == "off":
        return tags
    return {"cache_key": key.digest, "cache_parts": json.dumps(key.parts, sort_keys=True), **tags}


def find_reusable(key: CacheKey, experiment_id: str) -> Run | None:
    """Return the newest finished run of an experiment with this key whose artifacts are whole, or None."""
    return find_whole_run(KEY_TAG, key.digest, experiment_id)


def find_whole_run(tag: str, value: str, experiment_id: str) -> Run | None:
    """Return the newest finished run of an experiment with this tag whose artifacts are whole, or None.

    On this machine's disk every file is digested; in a remote store sizes must do, and `verify` does the rest.
    """
    client = MlflowClient()
    for run in client.search_runs(
        [experiment_id],
        f"tags.`{tag}` = '{value}' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=_CANDIDATES,
    ):
        if groups_of(run) and not find_damage(run, thorough=False):
            return client.get_run(run.info.run_id)  # with its models, which a search leaves out
    return None


def explain_difference(entry_point: str, key: CacheKey, experiment_id: str) -> str:
    """Say what in a step's key is other than when it last ran here."""
    runs = MlflowClient().search_runs(
        [experiment_id],
        f"tags.`{ENTRY_POINT_TAG}` = '{entry_point}' AND tags.`{PARTS_TAG}` LIKE '{{%' "
        "AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    if not runs:
        return "no finished run of it is known here"
    last = runs[0]
    told = key.differences(json.loads(last.data.tags[PARTS_TAG]))
    if told:
        return f"since run {last.info.run_id}: {'; '.join(told)}"
    return f"run {last.info.run_id} has the same key, but its artifacts are not whole"


def log_reuse(original: Run, parameters: Mapping[str, object], *, run_name: str) -> Run:
    """Make a run under the active one that stands for a step which was not run again.

    It looks like a run of the step (entry point, commit, parameters, metrics with their history, datasets, facts), and
    is marked with the run that it stands for. The model is not its output, and gets no metric twice.
    """
    parent = active_run()
    client = MlflowClient()
    facts = {
        name: value
        for name, value in original.data.tags.items()
        if name.startswith(PREFIX)
        and name not in _NOT_TAKEN_OVER
        and not name.startswith(f"{PREFIX}{DIGEST_TAG}.")  # of a run of an earlier version
    }
    environment = get_group(original, ENVIRONMENT)
    if environment:
        kept = {name: fact for name, fact in environment.items() if name not in _OF_THE_PROCESS}
        facts[f"{PREFIX}{ENVIRONMENT}"] = pack(kept)
    shared = {
        name: value
        for name, value in parent.data.tags.items()
        if name.startswith(("mlflow.source.", "mlflow.project.")) or name in {"mlflow.user", "mlflow.gitRepoURL"}
    }
    run_id, experiment = original.info.run_id, original.info.experiment_id
    note = (
        f"Not run again: this is [{original.info.run_name}](#/experiments/{experiment}/runs/{run_id}), run `{run_id}`."
    )
    tags = {
        **facts,
        **shared,
        PARENT_TAG: parent.info.run_id,
        ENTRY_POINT_TAG: original.data.tags[ENTRY_POINT_TAG],
        FROM_TAG: run_id,
        NOTE_TAG: f"{note}\n\n{original.data.tags.get(NOTE_TAG, '')}".strip()[:MAX_TAG_CHARACTERS],
    }
    made = client.create_run(parent.info.experiment_id, tags=tags, run_name=run_name).info.run_id
    client.log_batch(made, params=[Param(name, str(value)) for name, value in parameters.items()])
    _copy_metrics(client, original, made)
    if original.inputs and original.inputs.dataset_inputs:
        log_inputs(made, original.inputs.dataset_inputs)
    client.set_terminated(made)
    return client.get_run(made)


def _copy_metrics(client: MlflowClient, original: Run, run_id: str) -> None:
    now = int(time.time() * 1000)
    # Each history is a request, and a server with passwords takes its time for one: only curves are worth it.
    curves = original.data.tags[ENTRY_POINT_TAG] == "train"
    metrics: list[Metric] = []
    for name, value in original.data.metrics.items():
        if name.startswith("system/"):
            continue  # the machine did nothing this time
        history = client.get_metric_history(original.info.run_id, name) if curves else [Metric(name, value, now, 0)]
        metrics += [Metric(one.key, one.value, one.timestamp, one.step) for one in history]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
