"""Compare what a pretrained network reaches by its last layer alone, fine-tuned, and a network from scratch.

    python -m benchmarks.transfer --seeds 3 sign-digits.zip magnetic-tiles.zip

Runs `mlflow run . --env-manager local` once for each set and way, in a temporary folder, with `repeats` seeds, and
prints a row of markdown each: test accuracy and macro F1 (mean over the seeds, and the lowest and highest end of their
95 % intervals), validation loss of the taken epoch, minutes of a training (the first, which computes features, and the
mean), and in how many trainings fine-tuning was taken. Each set has its photos by `train_images`, balanced. Run it in
the project's own environment (`make test` builds .venv) on a machine that does nothing else.
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

WAYS: dict[str, dict[str, object]] = {
    "last layer alone": {"architecture": "efficientnet_lite0", "finetune": 0},
    "fine-tuned (`auto`)": {"architecture": "efficientnet_lite0", "finetune": "auto"},
    "`cnn` from scratch": {"architecture": "cnn"},
}
HEADER = "| photos | way | accuracy | 95 % intervals within | macro F1 | minutes, first | minutes, mean | tuned taken |"


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
        for way in given.ways:
            values = {"source": source, "repeats": given.seeds, "train_images": given.train_images, **WAYS[way]}
            print(measure(way, values), flush=True)


def measure(way: str, values: dict[str, object]) -> str:
    """Run the project and return the row of one way on one set."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run_project(folder, values, PAWPRINT_CACHE=str(folder / "cache"))
        mlflow.set_tracking_uri(store_of(folder))
        runs = MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"])
        trainings = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train"]
        tests = [run.data.metrics for run in runs if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
        f1 = [macro_f1(run) for run in runs if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
    minutes = [(run.info.end_time - run.info.start_time) / 60_000 for run in trainings]
    tuned = sum(run.data.metrics["best_epoch"] >= run.data.metrics.get("finetuned_from", math.inf) for run in trainings)
    lowest, highest = min(one["test_accuracy_low"] for one in tests), max(one["test_accuracy_high"] for one in tests)
    return (
        f"| {Path(str(values['source'])).stem} | {way} | {statistics.mean(one['test_accuracy'] for one in tests):.3f} "
        f"| {lowest:.3f} to {highest:.3f} "
        f"| {statistics.mean(f1):.3f} | {minutes[0]:.1f} | {statistics.mean(minutes):.1f} | {tuned} of {len(minutes)} |"
    )


def macro_f1(evaluation: Run) -> float:
    """Return the mean F1 of the classes, also of two, from the confusion matrix of an evaluation."""
    document = mlflow.artifacts.load_dict(f"runs:/{evaluation.info.run_id}/evaluation/metrics.json")
    matrix = np.array(document["confusion_matrix"], float)
    return float(np.mean(2 * matrix.diagonal() / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1)))


if __name__ == "__main__":
    main()
