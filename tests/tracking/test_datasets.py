"""Datasets as MLflow keeps them: named, counted, leading back to the photos."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from pawprint.tracking.datasets import (
    ArtifactSource,
    PhotoDataset,
    as_input,
    find_photos,
    log_dataset_of,
    log_inputs,
    log_splits,
)
from pawprint.tracking.tags import set_tags

COUNTS = {"train": {"cat": 3, "dog": 2}, "validation": {"cat": 0, "dog": 0}, "test": {"cat": 1, "dog": 1}}
DIGEST = "0123456789abcdef" * 4


def test_each_split_with_photos_is_an_input_that_leads_back_to_them(log_folder: Callable[..., str]) -> None:
    photos = log_folder("photos", one="1")
    with mlflow.start_run() as run:
        log_splits(photos=photos, source="/data/pets.zip", digest=DIGEST, image_size=32, counts=COUNTS)
    found = {one.tags[0].value: one.dataset for one in mlflow.get_run(run.info.run_id).inputs.dataset_inputs}
    assert {context: one.name for context, one in found.items()} == {
        "training": "pets.zip train",
        "testing": "pets.zip test",
    }
    assert DIGEST.startswith(found["training"].digest)
    assert json.loads(found["training"].profile) == {"photos": 5, "photos_by_class": {"cat": 3, "dog": 2}}
    folder = mlflow.data.get_source(found["training"]).load()
    assert (folder / "one.txt").read_text() == "1"
    uri = json.loads(found["training"].source)["uri"]
    assert Path(mlflow.artifacts.download_artifacts(uri), "one.txt").is_file()


def test_main_has_the_splits_that_preprocess_made(log_folder: Callable[..., str]) -> None:
    photos = log_folder("photos")
    with mlflow.start_run() as preprocess:
        log_splits(photos=photos, source="pets", digest=DIGEST, image_size=32, counts=COUNTS)
    with mlflow.start_run() as main:
        log_dataset_of(f"runs:/{preprocess.info.run_id}/dataset")
    made, read = (mlflow.get_run(run.info.run_id).inputs.dataset_inputs for run in (preprocess, main))
    assert [one.to_dictionary() for one in read] == [one.to_dictionary() for one in made]


def test_metrics_of_a_dataset_are_found_by_it(log_folder: Callable[..., str]) -> None:
    photos = log_folder("photos", one="1")
    with mlflow.start_run() as run:
        logged = log_splits(photos=photos, source="pets", digest=DIGEST, image_size=32, counts=COUNTS)
        mlflow.log_metrics({"test_accuracy": 0.5}, dataset=logged["test"])
    by_digest = mlflow.search_runs(filter_string=f"datasets.digest = '{DIGEST[:32]}'", output_format="list")
    assert [one.info.run_id for one in by_digest] == [run.info.run_id]


def test_the_photos_of_a_dataset_are_found_by_its_run(store: Path) -> None:
    with mlflow.start_run() as run:
        set_tags(photos="runs:/abc/photos")
    assert find_photos(f"runs:/{run.info.run_id}/dataset") == "runs:/abc/photos"
    unknown = "runs:/0123456789abcdef0123456789abcdef/dataset"
    assert find_photos(unknown) == unknown


def test_runs_that_log_the_same_photos_at_once_all_succeed(log_folder: Callable[..., str]) -> None:
    photos, writers = log_folder("photos"), 4
    runs = [MlflowClient().create_run("0").info.run_id for _ in range(writers)]
    together = threading.Barrier(writers)

    def log(run_id: str) -> None:
        for number in range(10):
            dataset = PhotoDataset(
                ArtifactSource(photos), name="pets", digest=f"{number}", image_size=32, counts=COUNTS["train"]
            )
            together.wait(20)
            log_inputs(run_id, [as_input(dataset, "training")])

    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(log, runs))
    assert [len(mlflow.get_run(run_id).inputs.dataset_inputs) for run_id in runs] == [10] * writers
