"""Measure the overhead of a run: the time that is not spent on its work, by part.

    python -m benchmarks.overhead /path/to/cat-and-dog.zip

Runs `mlflow run . --env-manager local -P epochs=1` and takes off the time spent in decoding, in the epoch and in
answering photos (those of the test, of the validation, and the test photos made worse). Decoding and answering are
timed once more, apart. Run it in the project's own environment (`make test` builds .venv) on a machine that does
nothing else.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import project_environment, run_project, store_of

IMPORTS = ("mlflow", "tensorflow", "sklearn.metrics", "matplotlib.pyplot")


def main() -> None:
    """Run the project, and print its overhead and the import times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="photos, as `-P source=`")
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # Creating the tables of a new store takes seconds, once; it is not part of a run.
        make = "from mlflow import MlflowClient; MlflowClient().search_experiments()"
        subprocess.run([sys.executable, "-c", make], cwd=folder, env=project_environment(folder), check=True)
        before = time.time()
        run_project(folder, {"epochs": 1, "source": source})
        report(store_of(folder), before, time.time())
    for name in IMPORTS:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True, stderr=subprocess.DEVNULL)
        print(f"  import {name}, with its process: {time.perf_counter() - started:.1f} s")


def report(store: str, before: float, after: float) -> None:
    """Print each part of the time between two moments."""
    import mlflow
    from mlflow import MlflowClient

    from pawprint.tracking.artifacts import find_model

    mlflow.set_tracking_uri(store)
    runs = {
        run.data.tags["mlflow.project.entryPoint"]: run
        for run in MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"])
    }
    steps = [name for name in runs if name != "main"]
    seconds = {name: (run.info.end_time - run.info.start_time) / 1000 for name, run in runs.items()}
    work = {
        "preprocess": time_decoding(runs["download"].info.run_id, runs["preprocess"].data.params),
        "train": MlflowClient().get_metric_history(runs["train"].info.run_id, "seconds")[0].value,
        "evaluate": time_judging(runs["preprocess"].info.run_id, find_model(runs["train"])),
    }
    total = after - before
    print(
        f"whole run {total:.1f} s, of it work {sum(work.values()):.1f} s: overhead {total - sum(work.values()):.1f} s"
    )
    print(f"  before main's run: {runs['main'].info.start_time / 1000 - before:.1f} s")
    for name in steps:
        print(f"  {name}: {seconds[name]:.1f} s, of it work {work.get(name, 0):.1f} s")
    print(f"  main itself: {seconds['main'] - sum(seconds[name] for name in steps):.1f} s")
    print(f"  after main's run: {after - runs['main'].info.end_time / 1000:.1f} s")


def time_decoding(run_id: str, used: dict[str, str]) -> float:
    """Return the seconds that it takes to write the dataset."""
    from pawprint.dataset.writer import write_dataset
    from pawprint.photos.collection import load_photos
    from pawprint.tracking.artifacts import open_artifact

    with (
        open_artifact(f"runs:/{run_id}/photos", expected="photos") as photos,
        tempfile.TemporaryDirectory() as folder,
    ):
        started = time.perf_counter()
        write_dataset(
            load_photos(photos),
            Path(folder) / "dataset",
            image_size=int(used["image_size"]),
            train_images=int(used["train_images"]),
            test_images=int(used["test_images"]),
            validation_fraction=float(used["validation_fraction"]),
            seed=int(used["seed"]),
        )
        return time.perf_counter() - started


def time_judging(run_id: str, uri: str) -> float:
    """Return the seconds of evaluate's predictions: on test, validation and corrupted test photos."""
    from pawprint.dataset.reader import load_dataset
    from pawprint.evaluation.robustness import choose_photos, count_affordable, measure_robustness
    from pawprint.models.multiply_adds import count_multiply_adds
    from pawprint.models.prediction import answer_photos, compile_network
    from pawprint.tracking.artifacts import open_artifact
    from pawprint.tracking.models import open_photo_model

    with (
        open_artifact(f"runs:/{run_id}/dataset", expected="dataset") as folder,
        open_photo_model(uri) as model,
    ):
        splits, size = load_dataset(folder).splits, model.image_size
        test = splits["test"]
        places = choose_photos(test.labels, count_affordable(count_multiply_adds(model.network, side=size)))
        started = time.perf_counter()
        answer = compile_network(model.network, size)
        labels = answer_photos(answer, test.images, size).argmax(axis=1)
        answer_photos(answer, splits["validation"].images, size)
        measure_robustness(answer, test.images, test.labels, labels, places)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
