"""Real runs on what someone who means harm, or a careless one, would give: class names and parameters."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import draw_tiny_photo
from tests.hostile.test_labels import NAMES

pytestmark = pytest.mark.slow

SIGNS = ("$(touch x)", "; touch x", "`touch x`", "a\ntouch x", "' && touch x '", '" | touch x "', "a > x")


def test_odd_class_names_come_through_the_whole_chain(launch: Callable[..., object], tmp_path: Path) -> None:
    """Signature, metrics, tags, artifacts, plots and the report: all runs end well, and the report runs no script."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for number, name in enumerate(NAMES):
            for photo in range(8):
                archive.writestr(f"{name}/{photo}.jpg", draw_tiny_photo(rng, number / len(NAMES)))
    launcher = launch()
    words = {"source": tmp_path / "photos.zip", "architecture": "baseline", "image_size": 32, "epochs": 1}
    launcher.run(*(word for name, value in words.items() for word in ("-P", f"{name}={value}")))
    assert {run.info.status for run in launcher.runs()} == {"FINISHED"}
    main = launcher.newest("main")
    report = Path(launcher.client.download_artifacts(main.info.run_id, "report.html", str(tmp_path)))
    text = report.read_text("utf-8")
    assert "<img src=x" not in text
    assert "{{7*7}}" in text  # a template's own signs, as they are
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize(
    ("entry", "needed", "attacked"),
    [
        ("main", {}, ("source", "architecture", "register", "epochs", "plan")),
        ("download", {}, ("source", "keep_photos")),
        ("preprocess", {"photos": "runs:/0/photos"}, ("image_size", "seed", "validation_fraction")),
        ("train", {"dataset": "runs:/0/dataset"}, ("architecture", "epochs", "learning_rate")),
        ("evaluate", {"dataset": "runs:/0/dataset", "model": "models:/m-0"}, ("model", "dataset")),
    ],
)
def test_nothing_in_a_parameter_is_run_by_the_shell(
    launch: Callable[..., object], tmp_path: Path, entry: str, needed: dict[str, str], attacked: tuple[str, ...]
) -> None:
    """Every value at once: the step is reached, refuses the first that it looks at, and no file `x` appears."""
    launcher = launch()
    values = needed | {name: SIGNS[place % len(SIGNS)] for place, name in enumerate(attacked)}
    if entry == "evaluate":
        values = {"dataset": "runs:/0/$(touch x)`touch x`", "model": "models:/m-0;touch x\ntouch x"}
    done = launcher.run("-e", entry, *(w for n, v in values.items() for w in ("-P", f"{n}={v}")), check=False)
    assert done.returncode != 0
    assert "error: " in done.stderr, done.stderr[-2000:]
    assert "Traceback" not in done.stderr.partition("error: ")[0]
    for folder in (tmp_path, Path(__file__).parents[2]):
        assert not [path for path in folder.rglob("x") if path.is_file()]


def test_a_parameters_name_is_not_run_either(launch: Callable[..., object], tmp_path: Path) -> None:
    launcher = launch()
    done = launcher.run("-P", "$(touch x)=1", "-P", "a;touch x=1", "-P", "epochs=`touch x`", check=False)
    assert done.returncode != 0
    assert "may only contain alphanumerics" in done.stderr  # MLflow's own words
    for folder in (tmp_path, Path(__file__).parents[2]):
        assert not [path for path in folder.rglob("x") if path.is_file()]
