"""Find earlier runs by their cache key, and log a run that stands for a reused step."""

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
"""Tag with the key of a training, without its exports, set when its model is logged."""
CACHE_TAG = f"{PREFIX}cache"
"""Tag with the value of `cache` on the steps that main ran, unless it was `on`."""
TRIAL_TAG = f"{PREFIX}trial"
"""Tag with the number of a trial."""
_NOT_COPIED = {
    *(KEY_TAG, PARTS_TAG, TRAINING_TAG, CACHE_TAG, TRIAL_TAG),
    *(f"{PREFIX}{ENVIRONMENT}", f"{PREFIX}{DIGEST_TAG}"),
    *(f"{PREFIX}pid", f"{PREFIX}process_started"),  # set by earlier versions
}
"""Tags that a run for a reused step does not copy: it must not be found itself, and has no artifacts."""
_PROCESS_FACTS = ("pid", "process_started")
"""Facts of the environment that it does not copy, since no process belongs to it."""
_CANDIDATES = 5
"""Most matching runs that are checked, newest first; if all are damaged, the step runs again."""
_BATCH = 1000
"""Most metrics in one request to MLflow."""


def key_tags(key: CacheKey | None, *, cache: str = "on") -> dict[str, str]:
    """Return the tags of a run, without their prefix, by which it can be reused, and the value of `cache`.

    Args:
        key: cache key of the step; None if unknown.
        cache: with `off` the run cannot be reused.
    """
    tags = {} if cache == "on" else {"cache": cache}
    if key is None or cache == "off":
        return tags
    return {"cache_key": key.digest, "cache_parts": json.dumps(key.parts, sort_keys=True), **tags}


def find_reusable(key: CacheKey, experiment_id: str) -> Run | None:
    """Return the newest finished run with this key and intact artifacts in an experiment, or None."""
    return find_whole_run(KEY_TAG, key.digest, experiment_id)


def find_whole_run(tag: str, value: str, experiment_id: str) -> Run | None:
    """Return the newest finished run with this tag and intact artifacts in an experiment, or None.

    On this machine the digest of every file is checked; in a remote store only the sizes, the rest by `verify`.
    """
    client = MlflowClient()
    for run in client.search_runs(
        [experiment_id],
        f"tags.`{tag}` = '{value}' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=_CANDIDATES,
    ):
        if groups_of(run) and not find_damage(run, thorough=False):
            return client.get_run(run.info.run_id)  # includes its models, unlike a search
    return None


def explain_difference(entry_point: str, key: CacheKey, experiment_id: str) -> str:
    """Return a line that says how a step's key differs from its last finished run in an experiment."""
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
    differences = key.differences(json.loads(last.data.tags[PARTS_TAG]))
    if differences:
        return f"since run {last.info.run_id}: {'; '.join(differences)}"
    return f"run {last.info.run_id} has the same key, but its artifacts are not whole"


def log_reuse(original: Run, parameters: Mapping[str, object], *, run_name: str) -> Run:
    """Log a child of the active run that stands for a reused step, and return it.

    It has the entry point, commit, parameters, metrics, datasets and tags of the step, and a tag with the original run.
    The model is not its output, so the model gets no metric twice.
    """
    parent = active_run()
    client = MlflowClient()
    facts = {
        name: value
        for name, value in original.data.tags.items()
        if name.startswith(PREFIX)
        and name not in _NOT_COPIED
        and not name.startswith(f"{PREFIX}{DIGEST_TAG}.")  # set by an earlier version
    }
    environment = get_group(original, ENVIRONMENT)
    if environment:
        kept = {name: fact for name, fact in environment.items() if name not in _PROCESS_FACTS}
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
    # Each history is a request, which is slow on a server with passwords, so only curves are copied completely.
    curves = original.data.tags[ENTRY_POINT_TAG] == "train"
    metrics: list[Metric] = []
    for name, value in original.data.metrics.items():
        if name.startswith("system/"):
            continue  # the load of the machine at that time
        history = client.get_metric_history(original.info.run_id, name) if curves else [Metric(name, value, now, 0)]
        metrics += [Metric(one.key, one.value, one.timestamp, one.step) for one in history]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
