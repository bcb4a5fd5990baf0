"""Compare the architectures: print the table of docs/results.md.

    python -m benchmarks.architectures /path/to/cat-and-dog.zip --repeats 5 baseline cnn

Runs `mlflow run . --env-manager local -P repeats=…` once for each architecture, in a temporary folder, and prints a
row of markdown each: parameters, multiply-adds of one photo (and its mirror image, where both are seen), side in
pixels, test accuracy and F1 (mean and standard deviation over the seeds), time of one training, photos a second
(trained on, or through a frozen network), and the arithmetic of the training as a share of what a plain product of
two matrices reaches on the same machine. Under the table stands what the repeats come to together, when the mean of
their probabilities answers: a line of its own, since one model is what a run makes. Run it in the project's own
environment (`make test` builds .venv) on a machine that does nothing else.
"""

import argparse
import csv
import os
import platform
import statistics
import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.processes import run_project, store_of
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.tracking.artifacts import find_model
from pawprint.tracking.models import open_photo_model

HEADER = "| architecture | parameters | multiply-adds | px | accuracy | F1 | training | photos/s | utilization |"


def main() -> None:
    """Measure each architecture and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="photos, as `-P source=`")
    parser.add_argument("architectures", nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    ensembles = []
    rows = [HEADER, "|" + " --- |" * (HEADER.count("|") - 1)]
    for name in given.architectures:
        row, ensemble = measure(name, source=given.source, repeats=given.repeats, epochs=given.epochs)
        rows.append(row)
        ensembles.append(ensemble)
        print(rows[-1], flush=True)
    print(f"\n{os.cpu_count()} cores, {platform.platform()}, {given.repeats} seeds, {given.epochs} epochs\n")
    print(*rows, "", *ensembles, sep="\n")


def measure(architecture: str, *, source: str, repeats: int, epochs: int) -> tuple[str, str]:
    """Run the project and return the architecture's row, and the result of its repeats as an ensemble."""
    values = {"source": source, "architecture": architecture, "repeats": repeats, "epochs": epochs}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # A separate cache, because stored features of an earlier run would shorten the time.
        run_project(folder, values, PAWPRINT_CACHE=str(folder / "cache"))
        mlflow.set_tracking_uri(store_of(folder))
        client = MlflowClient()
        runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
        trainings = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train"]
        evaluations = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
        with open_photo_model(find_model(trainings[0])) as model:
            side, parameters = model.image_size, model.network.count_params()
            multiply_adds = count_multiply_adds(model.network, side=side)
        ensemble = f"`{architecture}`, {judge_together(evaluations)}"
    seconds = statistics.mean((run.info.end_time - run.info.start_time) / 1000 for run in trainings)
    row = (
        f"| `{architecture}` | {parameters / 1e6:.2f} M | {multiply_adds / 1e6:.0f} M | {side} "
        f"| {spread(evaluations, 'test_accuracy')} | {spread(evaluations, 'test_f1')} | {seconds:.0f} s "
        f"| {spread(trainings, 'images_per_second', 0)} | {spread(trainings, 'flops_utilization', 2)} |"
    )
    return row, ensemble


def judge_together(evaluations: list[Run]) -> str:
    """Return accuracy and F1 of several models' mean probabilities on the same test photos."""
    answers, labels, classes = [], [], []
    for run in evaluations:
        path = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/evaluation/predictions.csv")
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = [name for name in rows[0] if name.startswith("probability_")]
        classes = [name.removeprefix("probability_") for name in columns]
        labels = [classes.index(row["label"]) for row in rows]
        answers.append([[float(row[name]) for name in columns] for row in rows])
    together = np.mean(answers, axis=0).argmax(axis=1)
    kind = "binary" if len(classes) == 2 else "macro"
    return (
        f"{len(evaluations)} repeats together: accuracy {accuracy_score(labels, together):.3f}, "
        f"F1 {f1_score(labels, together, average=kind):.3f}"
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
