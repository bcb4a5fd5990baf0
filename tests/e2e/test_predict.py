"""`mlflow run . -e predict` on photos without classes, with a model of a few numbers."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest

from benchmarks.untrained import log_network
from pawprint.tracking.models import LoggedPhotoModel

pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 with the pandas of the lock.
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

ROOT = Path(__file__).parents[2]


def log_small_model(at: Any, folder: Path) -> LoggedPhotoModel:
    """Log a model of a few numbers, in an experiment whose artifacts lie in the folder."""
    import keras

    mlflow.set_tracking_uri(at.tracking_uri)
    experiment = mlflow.create_experiment("models", artifact_location=(folder / "artifacts").as_uri())
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    with mlflow.start_run(experiment_id=experiment):
        network = keras.Sequential([keras.Input((16, 16, 3)), *layers])
        return log_network(network, class_names=("cats", "dogs"))


def command(at: Any, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**at.environment, "MLFLOW_TRACKING_URI": at.tracking_uri}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_loose_photos_are_labelled_tracked_and_led_back_to_the_model(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path], tmp_path: Path
) -> None:
    at = launch()
    loose = tmp_path / "loose"
    loose.mkdir()
    for number, photo in enumerate(sorted(tiny_photos(photos=5).rglob("*.jpg"))):
        photo.rename(loose / f"IMG_{number:04d}.jpg")
    (loose / "broken.jpg").write_bytes(b"no photo")
    (loose / "notes.pdf").write_bytes(b"%PDF-1.7")
    (loose / ".DS_Store").write_bytes(b"")
    model = log_small_model(at, tmp_path)
    mlflow.register_model(model.uri, "pets")
    at.client.set_registered_model_alias("pets", "champion", "1")

    done = at.run("-e", "predict", "-P", "model=models:/pets@champion", "-P", f"source={loose}")
    assert "not labelled: 1 × not a photo: notes.pdf" in done.stdout
    run = at.client.get_run(at.newest("predict").info.run_id)  # a search leaves the inputs out
    assert run.data.metrics["num_photos"] == 11
    assert run.data.metrics["num_unreadable"] == 1
    assert run.data.metrics["num_left_out"] == 1
    assert "1 × not a photo: notes.pdf" in run.data.tags["mlflow.note.content"]
    assert run.data.tags["pawprint.model"] == model.uri
    assert [one.model_id for one in run.inputs.model_inputs] == [model.model_id]
    (asked,) = run.inputs.dataset_inputs
    assert (asked.dataset.name, asked.tags[0].value) == ("loose", "prediction")
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    with (folder / "predictions" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["member"] for row in rows] == [*(f"IMG_{number:04d}.jpg" for number in range(10)), "broken.jpg"]
    assert [bool(row["error"]) for row in rows] == [False] * 10 + [True]
    assert (folder / "predictions" / "contact-sheet.html").is_file()
    assert (folder / "predictions" / "predictions.parquet").is_file()
    # The photos stay where they are; what is kept says which they were.
    assert sorted(path.name for path in (folder / "photos").iterdir()) == ["manifest.json", "members.csv", "photos.csv"]

    shown = command(at, "pawprint.lineage", "show", run.info.run_id)
    assert model.uri in shown.stdout, shown.stderr
    assert str(loose) in shown.stdout
    data = json.loads(command(at, "pawprint.lineage", "show", "--json", run.info.run_id).stdout)
    assert data["from"]["model"] == model.uri

    before = len(at.runs())
    quick = command(at, "steps.predict", "--model", model.uri, str(loose / "IMG_0003.jpg"), str(loose / "broken.jpg"))
    first, second = quick.stdout.splitlines()
    assert rows[3]["label"] in first
    assert f"{float(rows[3]['probability']):.3f}" in first
    assert "not a photo" in second
    assert len(at.runs()) == before


def test_where_no_photo_can_be_read_it_fails_and_says_why(launch: Callable[..., Any], tmp_path: Path) -> None:
    at = launch()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "broken.jpg").write_bytes(b"no photo")
    model = log_small_model(at, tmp_path)
    quick = command(at, "steps.predict", "--model", model.uri, str(broken / "broken.jpg"))
    assert (quick.returncode, quick.stderr.splitlines()[-1]) == (1, "error: no photo could be read")
    assert "not a photo" in quick.stdout
    at.run("-e", "predict", "-P", f"model={model.uri}", "-P", f"source={broken}", check=False)
    refused = at.newest("predict")
    assert refused.info.status == "FAILED"
    assert "none of the 1 photos could be read" in refused.data.tags["pawprint.error"]
    assert Path(refused.info.artifact_uri.removeprefix("file://"), "predictions", "predictions.csv").is_file()
