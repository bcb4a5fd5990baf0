"""Steps that never run twice, as a user sees them: real `mlflow run`s of a copy of the project that can be changed."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.slow

Launch = Callable[..., Any]
ROOT = Path(__file__).parents[2]
QUICK = ("-P", "image_size=32", "-P", "architecture=baseline")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the working tree's own files."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if (ROOT / name).is_file() and not name.startswith((".", "tests/", "docs/")):
            (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / "project" / name)
    return tmp_path / "project"


def states(at: Any) -> dict[str, str]:
    """What became of each step of the newest main run."""
    runs = at.runs()
    main = [run for run in runs if "mlflow.parentRunId" not in run.data.tags][-1]
    return {
        run.info.run_name: "reused" if "pawprint.cached_from" in run.data.tags else "run"
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == main.info.run_id
    }


def planned(output: str) -> dict[str, str]:
    return {
        match[1]: match[2]
        for match in re.finditer(
            r"^((?:download|preprocess|train|evaluate)(?: \d)?): (reused|run)\b", output, re.MULTILINE
        )
    }


def test_only_what_changed_runs_again_and_the_plan_says_so(
    launch: Launch, tiny_photos: Callable[..., Path], project: Path
) -> None:
    at = launch()
    words = (*QUICK, "-P", f"source={tiny_photos(photos=20)}")

    def run(*more: str) -> dict[str, str]:
        """Plan, run, and compare the two."""
        told = planned(at.run(*words, *more, "-P", "plan=true", project=str(project)).stdout)
        at.run(*words, *more, project=str(project))
        assert told == states(at)
        return told

    steps = ["download", "preprocess", "train", "evaluate"]
    planned_only = at.run(*words, "-P", "epochs=1", "-P", "plan=true", project=str(project))
    assert "download: run (no finished run of it is known here)" in planned_only.stdout
    assert states(at) == {}

    at.run(*words, "-P", "epochs=1", project=str(project))
    first = next(run for run in at.runs() if "pawprint.best_model" in run.data.tags)
    assert run("-P", "epochs=1") == dict.fromkeys(steps, "reused")
    again = [r for r in at.runs() if "pawprint.best_model" in r.data.tags][-1]
    assert again.data.metrics == first.data.metrics
    assert again.data.tags["pawprint.best_model"] == first.data.tags["pawprint.best_model"]

    changed = run("-P", "epochs=2")
    assert [name for name, state in changed.items() if state == "reused"] == ["download", "preprocess"]

    metrics = project / "pawprint" / "evaluation" / "metrics.py"
    metrics.write_text(metrics.read_text().replace('"""', '"""In other words: ', 1) + "# a comment\n")
    assert run("-P", "epochs=2") == dict.fromkeys(steps, "reused")
    metrics.write_text(metrics.read_text() + "NEW = 1\n")
    assert run("-P", "epochs=2") == {name: "run" if name.startswith("evaluate") else "reused" for name in steps}
    told = at.run(*words, "-P", "epochs=3", "-P", "plan=true", project=str(project)).stdout
    assert "epochs 2 -> 3" in told

    # Another repeat is another seed: the first one's steps are those of before.
    more = run("-P", "epochs=2", "-P", "repeats=2")
    assert [name for name, state in more.items() if state == "run"] == ["train 2", "evaluate 2"]

    at.run(*words, "-P", "epochs=2", "-P", "cache=refresh", project=str(project))
    assert states(at) == dict.fromkeys(steps, "run")


def test_after_a_kill_the_finished_steps_are_not_run_again(
    launch: Launch,
    tiny_photos: Callable[..., Path],
    project: Path,
    processes_of: Callable[[int], dict[psutil.Process, str]],
) -> None:
    at = launch()
    words = (*QUICK, "-P", f"source={tiny_photos(photos=20)}", "-P", "epochs=2")
    launcher = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "run", str(project), "--env-manager", "local", *words],
        cwd=at.folder,
        env=dict(at.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    family: dict[psutil.Process, str] = {}
    try:
        for _ in range(600):
            family = processes_of(launcher.pid)
            if any("steps.train" in command for command in family.values()):
                break
            time.sleep(0.2)
    finally:
        # All at once, as a machine that goes down does it.
        for member in [*family, psutil.Process(launcher.pid)]:
            member.send_signal(signal.SIGKILL)
        launcher.wait(timeout=20)
    at.run(*words, project=str(project))
    assert states(at) == {
        "download": "reused",
        "preprocess": "reused",
        "train": "run",
        "evaluate": "run",
    }
