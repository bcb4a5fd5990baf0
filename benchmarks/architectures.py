"""How do the architectures compare? The README's table.

    python -m benchmarks.architectures /path/to/cat-and-dog.zip --repeats 5 baseline cnn

Runs `mlflow run . --env-manager local -P repeats=…` once for each architecture, in a temporary folder, and prints a
row of markdown each: parameters, multiply-adds of one photo (and its mirror image, where both are seen), side in
pixels, test accuracy and F1 (mean and standard deviation over the seeds), time of one training, photos a second
(trained on, or through a frozen network), and the arithmetic of the training as a share of what a plain product of
two matrices reaches on the same machine. Run it in the project's own environment (`make test` builds .venv) on a
machine that does nothing else.
"""

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.processes import run_project, store_of
from pawprint.lineage.models import open_photo_model
from pawprint.models.multiply_adds import count_multiply_adds

HEADER = "| architecture | parameters | multiply-adds | px | accuracy | F1 | training | photos/s | utilization |"


def main() -> None:
    """Measure each architecture and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="photos, as `-P source=`")
    parser.add_argument("architectures", nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    rows = [HEADER, "|" + " --- |" * (HEADER.count("|") - 1)]
    for name in given.architectures:
        rows.append(measure(name, source=given.source, repeats=given.repeats, epochs=given.epochs))
        print(rows[-1], flush=True)
    print(f"\n{os.cpu_count()} cores, {platform.platform()}, {given.repeats} seeds, {given.epochs} epochs\n")
    print(*rows, sep="\n")


def measure(architecture: str, *, source: str, repeats: int, epochs: int) -> str:
    """Run the project and return the architecture's row."""
    values = {"source": source, "architecture": architecture, "repeats": repeats, "epochs": epochs}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # A cache of its own, or features of an earlier run would flatter the time.
        run_project(folder, values, PAWPRINT_CACHE=str(folder / "cache"))
        mlflow.set_tracking_uri(store_of(folder))
        client = MlflowClient()
        runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
        trainings = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train"]
        evaluations = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
        model_id = trainings[0].outputs.model_outputs[0].model_id
        with open_photo_model(f"models:/{model_id}") as model:
            side, parameters = model.image_size, model.network.count_params()
            multiply_adds = count_multiply_adds(model.network, side=side)
    seconds = statistics.mean((run.info.end_time - run.info.start_time) / 1000 for run in trainings)
    return (
        f"| `{architecture}` | {parameters / 1e6:.2f} M | {multiply_adds / 1e6:.0f} M | {side} "
        f"| {spread(evaluations, 'test_accuracy')} | {spread(evaluations, 'test_f1')} | {seconds:.0f} s "
        f"| {spread(trainings, 'images_per_second', 0)} | {spread(trainings, 'flops_utilization', 2)} |"
    )


def spread(runs: list[Run], metric: str, digits: int = 3) -> str:
    """Return mean and standard deviation of a metric over the runs that have it."""
    values = [run.data.metrics[metric] for run in runs if metric in run.data.metrics]
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


if __name__ == "__main__":
    main()
