"""predict says whether photos are of the kind that the model learned from, and can end FAILED where they are not."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.artifacts import list_artifacts
from PIL import Image

from pawprint.drawn.drawings import write_drawings
from pawprint.tracking.tags import get_tag

pytestmark = pytest.mark.slow
QUICK = ("-P", "architecture=baseline", "-P", "image_size=48", "-P", "epochs=3")


def darken(photos: Path, folder: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(photos) as opened:
        for number, name in enumerate(opened.namelist()):
            with Image.open(io.BytesIO(opened.read(name))) as photo:
                photo.convert("RGB").point(lambda value: value * 0.4).save(folder / f"{number}.png")
    return folder


def test_photos_of_the_same_kind_pass_and_dark_ones_can_fail(launch: Callable[..., Any], tmp_path: Path) -> None:
    at = launch()
    at.run(*QUICK, "-P", "source=synthetic:200:1")
    model = get_tag(at.newest("main"), "best_model")
    photos = tmp_path / "photos.zip"
    write_drawings(photos, photos=60, seed=2)

    def predict(source: Path, *more: str, check: bool = True) -> Any:
        words = ("-e", "predict", "-P", f"model={model}", "-P", f"source={source}", *more)
        return at.run(*words, check=check)

    same = predict(photos, "-P", "fail_on_drift=true")
    assert "are of the kind that the model learned from" in same.stdout
    run = at.newest("predict")
    assert get_tag(run, "drift") == "none"
    assert run.data.metrics["drift_brightness"] < 0.3

    dark = darken(photos, tmp_path / "dark")
    said = "brightness: darker, "
    assert said in predict(dark).stdout
    run = at.newest("predict")
    assert "brightness" in str(get_tag(run, "drift"))
    kept = [one.path for one in list_artifacts(f"runs:/{run.info.run_id}/predictions", tracking_uri=at.tracking_uri)]
    assert "predictions/drift.png" in kept

    failed = predict(dark, "-P", "fail_on_drift=true", check=False)
    assert failed.returncode
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr.split("mlflow.exceptions")[0].split("error:")[-1]
    run = at.newest("predict")
    assert run.info.status == "FAILED"
    assert "predictions/predictions.csv" in [
        one.path for one in list_artifacts(f"runs:/{run.info.run_id}/predictions", tracking_uri=at.tracking_uri)
    ]
