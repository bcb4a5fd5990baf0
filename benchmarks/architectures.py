"""How do the architectures compare? The README's table.

    python -m benchmarks.architectures /path/to/cat-and-dog.zip --repeats 5 baseline cnn

Runs `mlflow run . --env-manager local -P repeats=…` once for each architecture, in a temporary folder, and prints a
row of markdown each: parameters, multiply-adds of one photo (and its mirror image, where both are seen), side in
pixels, test accuracy and F1 (mean and standard deviation over the seeds), time of one training, photos trained on a
second. Run it in the project's own environment (`make test` builds .venv) on a machine that does nothing else.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.lineage.models import open_photo_model

if TYPE_CHECKING:
    import keras

ROOT = Path(__file__).parents[1]
HEADER = "| architecture | parameters | multiply-adds | px | accuracy | F1 | time of a training | photos/s |"


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
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local"),
                *(word for name, value in values.items() for word in ("-P", f"{name}={value}")),
            ],
            cwd=folder,
            # The store is named anew each time, because what set_tracking_uri names below stays in this process's
            # environment; and a cache of its own, or features of an earlier run would flatter the time.
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
                "PAWPRINT_CACHE": f"{folder}/cache",
            },
            check=True,
        )
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        client = MlflowClient()
        runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
        trainings = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train"]
        evaluations = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
        model_id = trainings[0].outputs.model_outputs[0].model_id
        with open_photo_model(f"models:/{model_id}") as model:
            parameters, multiply_adds = model.network.count_params(), count_multiply_adds(model.network)
        side = model.image_size
    seconds = statistics.mean((run.info.end_time - run.info.start_time) / 1000 for run in trainings)
    rate = statistics.mean(run.data.metrics["images_per_second"] for run in trainings)
    return (
        f"| `{architecture}` | {parameters / 1e6:.2f} M | {multiply_adds / 1e6:.0f} M | {side} "
        f"| {spread(evaluations, 'test_accuracy')} | {spread(evaluations, 'test_f1')} | {seconds:.0f} s | {rate:.0f} |"
    )


def spread(evaluations: list[Run], metric: str) -> str:
    """Return mean and standard deviation of a metric over the seeds."""
    values = [run.data.metrics[metric] for run in evaluations]
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def count_multiply_adds(network: "keras.Model") -> float:
    """Return the multiply-adds of one photo as it is judged, by TensorFlow's profiler (two operations each)."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = tf.function(network).get_concrete_function(tf.TensorSpec((1, *network.input_shape[1:])))
    graph = convert_variables_to_constants_v2(function).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    operations: int = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    return operations / 2


if __name__ == "__main__":
    main()
