"""A user's mistake: one clear line, an exit code, no traceback, and no run started."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml

from pawprint.base.errors import UserError
from steps.main import main

ROOT = Path(__file__).parents[2]
DEFAULTS = {
    name: str(parameter["default"])
    for name, parameter in yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))["entry_points"]["main"][
        "parameters"
    ].items()
}


def words_of(**parameters: str) -> list[str]:
    return [w for name, value in {**DEFAULTS, **parameters}.items() for w in (f"--{name}", value)]


def run_main(tmp_path: Path, **parameters: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "steps.main", *words_of(**parameters)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"epochs": "0"}, ["--epochs", "0", "1"]),
        ({"epochs": "-3"}, ["--epochs", "-3"]),
        ({"epochs": "ten"}, ["--epochs", "ten"]),
        ({"repeats": "0"}, ["--repeats"]),
        ({"image_size": "huge"}, ["--image_size", "huge", "auto"]),
        ({"validation_fraction": "1.5"}, ["--validation_fraction", "1.5"]),
        ({"architecture": "cmn"}, ["cmn", "cnn", "baseline"]),
        ({"keep_photos": "move"}, ["--keep_photos", "copy", "reference"]),
        ({"source": "/no/such/folder"}, ["/no/such/folder"]),
        ({"source": "no/such/folder"}, ["no/such/folder", "absolute path"]),
        ({"source": "synthetik"}, ["synthetik", "synthetic"]),
        ({"source": ""}, ["source"]),
        ({"source": "synthetic", "validation_fraction": "0", "patience": "3"}, ["patience=3", "validation"]),
        ({"width": "0"}, ["--width", "0.1"]),
        ({"weights": "no/such.keras"}, ["--weights", "no/such.keras", "absolute"]),
        ({"learning_rate": "nan"}, ["--learning_rate", "nan", "auto"]),
        ({"minimum_accuracy": "NaN"}, ["--minimum_accuracy", "NaN", "0<=x<=1"]),
        ({"cost": "cats:5"}, ["--cost", "cats:5", "cats>dogs:5"]),
        ({"cost": "cats>dogs:lots"}, ["--cost", "lots", "cats>dogs:5"]),
        ({"cost": "cats>dogs:-1"}, ["--cost", "-1", "cats>dogs:5"]),
        ({"architecture": "efficientnet_lite0", "width": "0.5"}, ["width=0.5", "efficientnet_lite0", "width=auto"]),
        ({"architecture": "baseline", "weight_decay": "0.1"}, ["weight_decay=0.1", "baseline", "Adam"]),
    ],
)
def test_a_mistake_is_told_before_any_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], said: list[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises((click.UsageError, UserError)) as raised:
        main.main(words_of(**parameters), standalone_mode=False)
    told = raised.value.format_message() if isinstance(raised.value, click.UsageError) else str(raised.value)
    for word in said:
        assert word in told
    assert list(tmp_path.iterdir()) == []  # no store


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"image_size": "huge"}, 2),
        ({"source": "/no/such/folder"}, 2),
        ({"architecture": "baseline", "weight_decay": "0.1"}, 1),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_an_exit_code(
    tmp_path: Path, parameters: dict[str, str], code: int
) -> None:
    done = run_main(tmp_path, **parameters)
    assert done.returncode == code
    assert done.stdout == ""
    assert re.fullmatch("error: .+\n", done.stderr)
    assert not (tmp_path / "mlflow.db").exists()


def test_one_class_a_cost_of_none_and_an_empty_folder_are_known_before_any_run_starts(
    tmp_path: Path, tiny_photos: Callable[..., Path]
) -> None:
    one = run_main(tmp_path, source=str(tiny_photos(classes=("cats",), name="one")))
    assert "cats" in one.stderr
    other = run_main(tmp_path, source=str(tiny_photos(classes=("ant", "bee"), name="two")), cost="ant>wasp:5")
    assert "wasp" in other.stderr
    assert "the classes are ant, bee" in other.stderr
    (tmp_path / "empty").mkdir()
    empty = run_main(tmp_path, source=str(tmp_path / "empty"))
    for done in (one, other, empty):
        assert done.returncode != 0
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "mlflow.db").exists()
