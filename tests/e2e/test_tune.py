"""A search that has a trial killed, is terminated, and goes on: what it came to, and what its runs say."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow.entities import Run

from pawprint.tracking.runs import CONSOLE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def start(at: Any, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", "-e", "tune", *words]
    return subprocess.Popen(
        command, cwd=at.folder, env=dict(at.environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(found: Callable[[], Any], launcher: subprocess.Popen[str]) -> Any:
    while launcher.poll() is None:
        if one := found():
            return one
        time.sleep(0.1)
    raise AssertionError(launcher.communicate()[0])


def list_trials(at: Any) -> dict[str, Run]:
    return {run.info.run_name: run for run in at.runs() if run.data.tags.get("pawprint.trial")}


def read_artifact(run: Run, path: str) -> str:
    return Path(run.info.artifact_uri.removeprefix("file://"), path).read_text("utf-8")


def test_a_search_goes_on_whatever_happens_to_its_trials(
    launch: Callable[..., Any],
    tiny_photos: Callable[..., Path],
    processes_of: Callable[[int], dict[psutil.Process, str]],
) -> None:
    at = launch()
    words = ("-P", f"source={tiny_photos(photos=20)}", "-P", "epochs=2", "-P", "image_size=32")
    words = (*words, "-P", "architecture=baseline", "-P", "trials=3")

    def find(module: str, launcher: subprocess.Popen[str]) -> psutil.Process | None:
        seen = processes_of(launcher.pid).items()
        return next((one for one, command in seen if command.startswith(f"python -m {module} ")), None)

    # The first trial meets a sudden end, as where memory runs out: the others go on.
    launcher = start(at, *words)
    wait_for(lambda: find("steps.train", launcher), launcher).kill()
    said = launcher.communicate()[0]
    assert launcher.returncode == 0, said
    assert "trial 0 (1 of 3): learning_rate 0.001  augmentation 1  width 1  ->  failed: " in said
    trials = list_trials(at)
    assert {name: run.info.status for name, run in trials.items()} == {
        "trial 0": "FAILED",
        "trial 1": "FINISHED",
        "trial 2": "FINISHED",
    }
    tune, hub = at.newest("tune"), at.newest("trials")
    assert hub.data.tags["mlflow.parentRunId"] == tune.info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in trials.values()} == {hub.info.run_id}
    rows = list(csv.DictReader(read_artifact(tune, "study/trials.csv").splitlines()))
    assert [row["state"] for row in rows] == ["failed", "finished", "finished"]
    assert [row["run"] for row in rows] == [trials[f"trial {n}"].info.run_id for n in range(3)]
    winner = min(rows[1:], key=lambda row: float(row["validation_loss"]))
    assert json.loads(tune.data.tags["pawprint.found"])["trial"] == winner["trial"]
    assert f"-P learning_rate={winner['learning_rate']}" in tune.data.tags["mlflow.note.content"]
    # The test photos judged the winner alone.
    evaluations = [run for run in at.runs() if run.data.tags["mlflow.project.entryPoint"] == "evaluate"]
    assert [run.data.metrics["test_accuracy"] for run in evaluations] == [tune.data.metrics["test_accuracy"]]
    assert tune.data.tags["pawprint.best_model"] == evaluations[0].data.params["model"]
    assert re.search(r"(?s)epoch +2/2 .*trial 2 \(3 of 3\): .*found by trial", read_artifact(tune, CONSOLE))

    # Another trial is asked for and the search is terminated: its training ends with it.
    words = (*words[:-1], "trials=4")
    launcher = start(at, *words)
    step = wait_for(lambda: find("steps.tune", launcher), launcher)
    training = wait_for(lambda: find("steps.train", launcher), launcher)
    time.sleep(1)
    step.send_signal(signal.SIGTERM)
    said = launcher.communicate()[0]
    assert launcher.returncode != 0
    assert "3 trials had ended before; 1 to go" in said
    assert "error: terminated; the same command again goes on" in said
    assert not training.is_running() or training.status() == psutil.STATUS_ZOMBIE
    stopped = list_trials(at)["trial 3"]
    assert (stopped.info.status, stopped.data.tags["pawprint.error"]) == ("KILLED", "interrupted")
    assert at.newest("trials").info.status == "KILLED"

    # The same again: the one that is missing is run, with the same values, and no other.
    at.run("-e", "tune", *words)
    tune = at.newest("tune")
    assert set(list_trials(at)) == {f"trial {n}" for n in range(5)}
    again = list_trials(at)["trial 4"]
    assert {name: again.data.params[name] for name in ("learning_rate", "augmentation", "width", "seed")} == {
        name: stopped.data.params[name] for name in ("learning_rate", "augmentation", "width", "seed")
    }
    rows = list(csv.DictReader(read_artifact(tune, "study/trials.csv").splitlines()))
    assert [row["state"] for row in rows] == ["failed", "finished", "finished", "interrupted", "finished"]

    shown = subprocess.run(
        [sys.executable, "-m", "pawprint.lineage", "--tracking-uri", at.tracking_uri, "show", tune.info.run_id],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tune.data.tags["pawprint.best_model"] in shown
