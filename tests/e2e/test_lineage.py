"""The chain behind a model, shown and proved after a real `mlflow run`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_chain_is_shown_and_every_changed_byte_is_found(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path]
) -> None:
    at = launch()
    source = tiny_photos(photos=20)
    at.run("-P", f"source={source}", "-P", "epochs=1", "-P", "image_size=32", "-P", "architecture=baseline")
    main, download, preprocess, train, evaluate = (at.client.get_run(run.info.run_id) for run in at.runs())
    model = main.data.tags["pawprint.best_model"]

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pawprint.lineage", "--tracking-uri", at.tracking_uri, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    shown = command("show", model).stdout
    for part in (model, train.info.run_id, evaluate.info.run_id, preprocess.info.run_id, download.info.run_id):
        assert part in shown
    assert shown.index(model) < shown.index(preprocess.info.run_id) < shown.index(str(source))
    data = json.loads(command("show", "--json", main.info.run_id).stdout)
    assert data["models"][0]["from"]["from"]["from"]["source"] == str(source)
    for target in (evaluate.info.run_id, f"runs:/{preprocess.info.run_id}/dataset", download.info.run_id):
        assert str(source) in command("show", target).stdout
    unknown = command("show", "models:/m-0")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("error: ")

    done = command("verify", main.info.run_id)
    assert done.returncode == 0, done.stdout + done.stderr

    folder = Path(at.client.get_logged_model(model.removeprefix("models:/")).artifact_location.removeprefix("file://"))

    def of(run: Any, path: str) -> Path:
        return Path(run.info.artifact_uri.removeprefix("file://")) / path

    for path in (
        next(of(download, "photos").glob("*.zip")),
        of(download, "photos/manifest.json"),
        of(preprocess, "dataset/train-00000-of-00001.npy"),
        of(preprocess, "dataset/index.csv"),
        of(preprocess, "dataset/dataset.json"),
        of(preprocess, "dataset/preview.png"),
        of(train, "history.csv"),
        folder / "artifacts" / "network.keras",
        folder / "artifacts" / "model.json",
        folder / "code" / "pawprint" / "serving" / "classifier.py",
        folder / "MLmodel",
        of(evaluate, "evaluation/predictions.csv"),
        of(train, "digests/model.json"),
    ):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        done = command("verify", model)
        path.write_bytes(data)
        assert done.returncode == 1, path
        assert path.name in done.stdout, (path, done.stdout)
    assert command("verify", model).returncode == 0
