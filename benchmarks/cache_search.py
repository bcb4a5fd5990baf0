"""Measure how long a step's search for a run to reuse takes in a store of many runs.

    python -m benchmarks.cache_search                      # 10,000 runs in a new sqlite store
    python -m benchmarks.cache_search --store postgresql://…   # in an empty database

Fills an experiment with runs of train that look like ours (tags, parameters), then searches for a key that the oldest
of them has, for one that none has, and for the last run whose key differs.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Param, RunTag
from tqdm import trange

from pawprint.pipeline.cache_keys import CacheKey, build_key
from pawprint.pipeline.reuse import explain_difference, find_reusable, key_tags
from pawprint.tracking.tags import ENTRY_POINT_TAG, PREFIX

REPEATS = 5
"""Searches that are timed."""


def fill(runs: int, experiment: str) -> CacheKey:
    """Log so many finished runs with different seeds; return the key of the oldest."""
    client = MlflowClient()
    parts = build_key("train", {"architecture": "cnn"}, {"dataset": "0" * 64}).parts
    for seed in trange(runs, desc="filling the store", disable=None):
        key = CacheKey(f"{seed:064x}", parts | {"parameter seed": str(seed)})
        run = client.create_run(experiment, run_name="train").info.run_id
        tags = {f"{PREFIX}{name}": value for name, value in key_tags(key).items()} | {ENTRY_POINT_TAG: "train"}
        client.log_batch(
            run,
            tags=[RunTag(name, value) for name, value in tags.items()],
            params=[Param(name, "1") for name in ("dataset", "architecture", "epochs", "batch_size", "seed")],
        )
        client.set_terminated(run)
        if seed == 0:
            # With an intact artifact, so that it can be reused.
            with mlflow.start_run(run_id=run), tempfile.TemporaryDirectory() as folder:
                from pawprint.tracking.digests import log_folder

                Path(folder, "a.txt").write_text(json.dumps(parts))
                log_folder(Path(folder), "made")
    return CacheKey(f"{0:064x}", parts | {"parameter seed": "0"})


def measure(search: Callable[[], object]) -> str:
    """Return the median and the longest time of several searches."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        search()
        times.append(time.perf_counter() - start)
    return f"median {statistics.median(times):.3f} s, slowest {max(times):.3f} s"


def main() -> None:
    """Fill a store and time the searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--store", help="a tracking store or server; a new sqlite store unless given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(arguments.store or f"sqlite:///{folder}/mlflow.db")
        experiment = mlflow.create_experiment("cache search", artifact_location=Path(folder, "artifacts").as_uri())
        oldest = fill(arguments.runs, experiment)
        missing = CacheKey("f" * 64, oldest.parts | {"parameter epochs": "7"})
        print(f"{arguments.runs} runs in {mlflow.get_tracking_uri().partition(':')[0]}, {REPEATS} searches each")
        if find_reusable(oldest, experiment) is None:
            raise SystemExit("the oldest run was not found: nothing was measured")
        print(f"a key that the oldest run has:   {measure(lambda: find_reusable(oldest, experiment))}")
        print(f"a key that no run has:           {measure(lambda: find_reusable(missing, experiment))}")
        print(f"what differs from the last time: {measure(lambda: explain_difference('train', missing, experiment))}")


if __name__ == "__main__":
    main()
