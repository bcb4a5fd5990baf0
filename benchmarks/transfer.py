"""Compare what a pretrained network reaches by its last layer alone, fine-tuned, a network from scratch, and `auto`.

    python -m benchmarks.transfer --seeds 3 sign-digits.zip magnetic-tiles.zip

Runs `mlflow run . --env-manager local` for each set and way, in a temporary folder, with `repeats` seeds, and prints a
row of markdown each: test accuracy and macro F1 (mean over the seeds, and the lowest and highest end of their 95 %
intervals), minutes of training (for the first seed, and the mean), and the architecture of the model, with the number
of trainings in which fine-tuning was taken. `auto` finds the trainings of the ways before it, which are the same, and
its minutes are what these took. Each set has its photos by `train_images`, balanced. Run it in the project's own
environment (`make test` builds .venv) on a machine that does nothing else.
"""

import argparse
import math
import os
import platform
import statistics
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.processes import run_project, store_of
from pawprint.report.graph import entry_point, find_children, find_learning
from pawprint.tracking.tags import get_tag

WAYS: dict[str, dict[str, object]] = {
    "last layer alone": {"architecture": "efficientnet_lite0", "finetune": 0},
    "fine-tuned (`auto`)": {"architecture": "efficientnet_lite0", "finetune": "auto"},
    "`cnn` from scratch": {"architecture": "cnn"},
    "`auto`": {"architecture": "auto"},
}
HEADER = "| photos | way | accuracy | 95 % intervals within | macro F1 | minutes, first | minutes, mean | model |"


def main() -> None:
    """Measure each way on each set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="photos, as `-P source=`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--train-images", type=int, default=1500, help="as `-P train_images=`")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.platform()}, {given.seeds} seeds\n")
    print(HEADER, "|" + " --- |" * (HEADER.count("|") - 1), sep="\n", flush=True)
    for source in given.sources:
        with tempfile.TemporaryDirectory() as scratch:
            for number, way in enumerate(given.ways):
                values = {"source": source, "repeats": given.seeds, "train_images": given.train_images, **WAYS[way]}
                # Each way computes its own features, so that its minutes are its own.
                run_project(Path(scratch), values, PAWPRINT_CACHE=str(Path(scratch, f"cache {number}")))
                print(measure(Path(source).stem, way, Path(scratch), seeds=given.seeds), flush=True)


def measure(photos: str, way: str, folder: Path, *, seeds: int) -> str:
    """Return the row of the newest main run in a folder's store."""
    mlflow.set_tracking_uri(store_of(folder))
    client = MlflowClient()
    runs = client.search_runs(["0"], order_by=["attributes.start_time DESC"])
    main = next(run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "main")
    steps = find_children(client, main)
    trainings = [run for run in steps if entry_point(run) == "train"]
    evaluations = [run for run in steps if entry_point(run) == "evaluate"]
    tests, f1 = [run.data.metrics for run in evaluations], [macro_f1(run) for run in evaluations]
    first = sum(minutes_of(run) for run in trainings if run.data.params["seed"] == "0")
    mean = sum(minutes_of(run) for run in trainings) / seeds
    chosen = get_tag(main, "used.architecture")
    tuned = sum(run.data.metrics["best_epoch"] >= run.data.metrics.get("finetuned_from", math.inf) for run in trainings)
    lowest, highest = min(one["test_accuracy_low"] for one in tests), max(one["test_accuracy_high"] for one in tests)
    return (
        f"| {photos} | {way} | {statistics.mean(one['test_accuracy'] for one in tests):.3f} "
        f"| {lowest:.3f} to {highest:.3f} | {statistics.mean(f1):.3f} | {first:.1f} | {mean:.1f} "
        f"| `{chosen}`, {tuned} of {len(trainings)} fine-tuned |"
    )


def minutes_of(run: Run) -> float:
    """Return how long a training took, where it was made."""
    made = find_learning(run)
    return float(made.info.end_time - made.info.start_time) / 60_000


def macro_f1(evaluation: Run) -> float:
    """Return the mean F1 of the classes, also of two, from the confusion matrix of an evaluation."""
    document = mlflow.artifacts.load_dict(f"runs:/{evaluation.info.run_id}/evaluation/metrics.json")
    matrix = np.array(document["confusion_matrix"], float)
    return float(np.mean(2 * matrix.diagonal() / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)))


if __name__ == "__main__":
    main()
