"""What a person sees on the console."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from tests.stores import make_store

ENTRY_POINTS = yaml.safe_load((Path(__file__).parents[2] / "MLproject").read_text("utf-8"))["entry_points"]
DEFAULTS = {name: str(parameter["default"]) for name, parameter in ENTRY_POINTS["main"]["parameters"].items()}
QUIETLY = "from pawprint.console.console import import_tensorflow_quietly as q; q(); import os; os.write(2, b'after ')"


def test_what_tensorflow_says_is_shown_only_when_it_cannot_be_imported(tmp_path: Path) -> None:
    fake = tmp_path / "tensorflow"
    fake.mkdir()
    for text, expected in (
        ("import os; os.write(2, b'oneDNN is on. ')", "after "),
        ("import os; os.write(2, b'no AVX here. '); raise ImportError('broken')", "no AVX here. "),
    ):
        (fake / "__init__.py").write_text(text)
        path = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
        done = subprocess.run([sys.executable, "-c", QUIETLY], env=path, capture_output=True, text=True, check=False)
        assert done.stderr.startswith(expected)
    assert "ImportError: broken" in done.stderr


STEP = """
import click, signal, sys, time
# Said either way: the tests themselves may have been started under nohup.
signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv.pop() == "nohup" else signal.SIG_DFL)
from pawprint.console.console import run_command

@click.command()
def work():
    print("ready", flush=True)
    signal.raise_signal(signal.SIGHUP)
    print("goes on", flush=True)

run_command(work)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize(("how", "code"), [("closed", 143), ("nohup", 0)])
def test_a_closed_terminal_ends_a_step_in_order_unless_nohup_forbids_it(how: str, code: int) -> None:
    command = [sys.executable, "-c", STEP, how]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("goes on" in done.stdout) == (how == "nohup")
    assert ("error: terminated; the same command again goes on" in done.stderr) == (how == "closed")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"epochs": "ten"}, "'ten' is not a valid integer", marks=pytest.mark.slow),
        ({"validation_fraction": "0", "patience": "3"}, "patience=3 needs validation photos"),
    ],
)
def test_a_run_that_came_to_nothing_is_named_and_says_why(tmp_path: Path, given: dict[str, str], said: str) -> None:
    """What MLflow's launcher has made is all that a colleague finds in the list."""
    store = make_store(tmp_path)
    run_id = MlflowClient(store).create_run("0", tags={"mlflow.project.entryPoint": "main"}).info.run_id
    words = [word for name, value in (DEFAULTS | given).items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "steps.main", *words],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"MLFLOW_RUN_ID": run_id, "MLFLOW_TRACKING_URI": store},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    run = MlflowClient(store).get_run(run_id)
    assert said in run.data.tags["pawprint.error"]
    assert run.info.run_name == "main"
    assert f"error: {run.data.tags['pawprint.error']}" in done.stderr
