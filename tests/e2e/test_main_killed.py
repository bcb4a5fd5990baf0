"""kill -9 of main: its steps do not go on behind its back, and the same command goes on from what there is."""

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


def test_after_a_kill_of_main_train_ends_and_the_next_run_goes_on(
    launch: Callable[..., Any],
    tiny_photos: Callable[..., Path],
    processes_of: Callable[[int], dict[psutil.Process, str]],
    tmp_path: Path,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    at = launch(TMPDIR=str(temporary))
    # Many more than pass between the first checkpoint and the stop, however fast the machine is.
    epochs = 100
    words = ("-P", f"source={tiny_photos(photos=20)}", "-P", f"epochs={epochs}", "-P", "image_size=32")
    words += ("-P", "architecture=baseline", "-P", "patience=0")
    kept = tmp_path / "cache" / "checkpoints"
    launcher = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
        cwd=at.folder,
        env=dict(at.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    family: dict[psutil.Process, str] = {}
    try:
        for _ in range(12000):
            if list(kept.glob("*/*.checkpoint")):
                break
            time.sleep(0.01)
        family = processes_of(launcher.pid)
        main = next(one for one, command in family.items() if command.startswith("python -m steps.main"))
        train = next(one for one, command in family.items() if "steps.train" in command and "bash" not in command)
        # Stopped, so that it can't be done before its starter is gone.
        train.suspend()
        # The launcher first: it would write down main's end.
        for one in (psutil.Process(launcher.pid), main):
            one.send_signal(signal.SIGKILL)
        launcher.wait(timeout=20)
        train.resume()
        train.wait(timeout=30)
    finally:
        for one in family:
            if one.is_running():
                one.kill()
    reached = max(int(path.stem) for path in kept.glob("*/*.checkpoint"))
    assert reached < epochs
    states = {run.info.run_name: run for run in at.runs()}
    assert states["train"].info.status == "KILLED"
    orphan = next(run for run in at.runs() if run.data.tags["mlflow.project.entryPoint"] == "main")
    assert orphan.info.status == "RUNNING"
    assert list(temporary.glob("pawprint-*"))

    done = at.run(*words)
    assert at.client.get_run(orphan.info.run_id).info.status == "KILLED"
    assert f"run {orphan.info.run_id} (main on" in done.stderr
    assert done.stdout.count("reused from run") == 2
    assert f"going on after epoch {reached} of {epochs}" in done.stderr
    again = at.newest("train")
    history = at.client.get_metric_history(again.info.run_id, "train_loss")
    assert [one.step for one in history] == list(range(1, epochs + 1))
    assert history[0].timestamp < again.info.start_time <= history[-1].timestamp
    assert not list(kept.iterdir())
    assert not list(temporary.glob("pawprint-*"))
    assert not [run for run in at.runs() if run.info.status == "RUNNING"]
