"""A model goes on learning: new classes, then the same again, named by where it came from."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_model_goes_on_with_new_classes_and_with_other_costs(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path]
) -> None:
    at = launch()
    words = ["-P", "epochs=1", "-P", "image_size=32", "-P", "architecture=baseline"]
    at.run("-P", f"source={tiny_photos(photos=20)}", *words)
    model = at.runs()[0].data.tags["pawprint.best_model"]
    more = tiny_photos(photos=20, classes=("ant", "bee", "fly"), name="insects")
    given = ["-P", f"source={more}", *words, "-P", f"weights={model}"]
    first = at.run(*given)
    said = f"It begins with the weights of {model}: all 9 layers before the last were taken; the last starts anew"
    assert said in first.stdout
    train = at.newest("train")
    assert said in train.data.tags["mlflow.note.content"]
    assert train.data.tags["pawprint.weights"] == model
    assert [one.model_id for one in at.client.get_run(train.info.run_id).inputs.model_inputs] == [model.split("/")[-1]]

    costly = at.run(*given, "-P", "cost=ant>bee:5").stdout
    assert "has learned the same: its model is taken, and nothing is trained again" in costly

    command = [sys.executable, "-m", "pawprint.lineage", "--tracking-uri", at.tracking_uri]
    for name, expected in (("show", f"began with the weights of {model}"), ("replay", f"-P weights={model}")):
        done = subprocess.run([*command, name, train.info.run_id], cwd=ROOT, capture_output=True, text=True, check=True)
        assert expected in done.stdout

    wrong = at.run(*given[:-1], f"weights={more / 'no.keras'}", check=False)
    assert wrong.returncode
    assert "names no file; expected a file (.keras, .weights.h5, .safetensors)" in wrong.stderr
    assert "Traceback" not in wrong.stdout
