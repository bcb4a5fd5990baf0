"""Interrupted or terminated: nothing goes on behind the person's back, and the runs say what happened."""

import os
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

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_steps_end_with_main_and_the_runs_are_killed(
    launch: Callable[..., Any],
    tiny_photos: Callable[..., Path],
    processes_of: Callable[[int], dict[psutil.Process, str]],
    number: signal.Signals,
    tmp_path: Path,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    at = launch(TMPDIR=str(temporary))
    words = ("-P", f"source={tiny_photos(photos=20)}", "-P", "epochs=50000", "-P", "image_size=32")
    words += ("-P", "architecture=baseline", "-P", "patience=0")
    said = at.folder / "stderr.txt"
    with said.open("wb") as errors:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
            cwd=at.folder,
            env=dict(at.environment),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            # A shell that starts tests in the background has them ignore Ctrl-C, and so would all that they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a plain call
        )
    seen: dict[psutil.Process, str] = {}
    try:
        for _ in range(600):
            seen = processes_of(launcher.pid)
            # The store is asked only when it is there: two processes that make it at once get in each other's way.
            if any("steps.train" in command for command in seen.values()) and at.newest("train").data.metrics:
                break
            time.sleep(0.2)
        main = next(one for one, command in seen.items() if command.startswith("python -m steps.main"))
        if number == signal.SIGINT:
            os.killpg(launcher.pid, number)  # as a terminal does for Ctrl-C
        else:
            main.send_signal(number)
        launcher.wait(timeout=60)
        # On Ctrl-C the launcher is gone at once, while the steps still close their runs.
        psutil.wait_procs(seen, timeout=60)
    finally:
        left = [one for one in seen if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        for one in [*left, *([psutil.Process(launcher.pid)] if launcher.poll() is None else [])]:
            one.kill()
    assert launcher.returncode != 0
    assert not left
    # MLflow's launcher leaves an empty folder of its own.
    assert not [path for path in temporary.rglob("*") if path.is_file() or path.name.startswith("pawprint-")]
    if number == signal.SIGTERM:
        assert "error: terminated; the same command again goes on" in said.read_text()
    states = {run.info.run_name: run.info.status for run in at.runs()}
    assert states["train"] == "KILLED"
    # Of main's run MLflow's own launcher is the last to write.
    assert sorted(states.values()) == ["FAILED", "FINISHED", "FINISHED", "KILLED"]
    assert {run.data.tags.get("pawprint.error") for run in at.runs()} == {None, "interrupted"}
