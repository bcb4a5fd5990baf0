"""The tracking server goes away in mid-training: for a while, or for good."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OUTAGE_SECONDS = float(os.environ.get("PAWPRINT_TEST_OUTAGE_SECONDS", "20"))
CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")


def wait_for_epoch(server: Any, epoch: int) -> None:
    """Wait until the server has heard of an epoch of the training."""
    for _ in range(1500):
        run = server.newest("train")
        if run and "train_loss" in run.data.metrics:
            history = server.client.get_metric_history(run.info.run_id, "train_loss")
            if len(history) >= epoch:
                return
        time.sleep(0.2)
    raise AssertionError("no epoch was told in five minutes")


def check_curves(server: Any, run_id: str, epochs: int) -> list[int]:
    """Hold that each curve has each epoch once, in the order of time, and return when the epochs were measured."""
    times: list[int] = []
    for name in CURVES:
        history = server.client.get_metric_history(run_id, name)
        assert [one.step for one in sorted(history, key=lambda one: one.timestamp)] == list(range(1, epochs + 1)), name
        times = sorted(one.timestamp for one in history)
    return times


def options(source: Path, epochs: int) -> list[str]:
    given = {"source": source, "architecture": "baseline", "image_size": 32, "epochs": epochs, "patience": 0}
    return [word for name, value in given.items() for word in ("-P", f"{name}={value}")]


def test_no_metric_is_lost_or_doubled_and_each_has_its_own_time(
    server: Any, start: Callable[..., subprocess.Popen[str]], tiny_photos: Callable[..., Path]
) -> None:
    epochs = int(100 + 10 * OUTAGE_SECONDS)
    running = start(*options(tiny_photos(photos=20), epochs), MLFLOW_TRACKING_URI=server.uri)
    wait_for_epoch(server, 3)
    server.stop()
    away = time.time() * 1000
    time.sleep(OUTAGE_SECONDS)
    back = time.time() * 1000
    server.start()
    said, _ = running.communicate(timeout=900)
    assert running.returncode == 0, said
    assert "Traceback" not in said
    train = server.newest("train")
    assert train.info.status == "FINISHED"
    times = check_curves(server, train.info.run_id, epochs)
    # Those of the outage were measured then, and not when they were delivered.
    assert any(away < when < back for when in times)
    assert train.info.start_time <= times[0]
    assert times[-1] <= train.info.end_time
    assert server.newest("main").info.status == "FINISHED"


def test_what_never_reached_the_server_is_kept_and_delivered_by_one_command(
    server: Any,
    start: Callable[..., subprocess.Popen[str]],
    environment: dict[str, str],
    tiny_photos: Callable[..., Path],
    tmp_path: Path,
) -> None:
    epochs = 100
    words = options(tiny_photos(photos=20), epochs)
    # MLflow's own launcher, too, is told not to try for four minutes.
    brief = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "PAWPRINT_WAIT_MINUTES": "0.05"}
    running = start(*words, MLFLOW_TRACKING_URI=server.uri, **brief)
    wait_for_epoch(server, 3)
    run_id = server.newest("train").info.run_id
    server.stop()
    said, _ = running.communicate(timeout=600)
    assert running.returncode != 0
    kept = tmp_path / "cache" / "undelivered" / run_id
    assert f"Everything is kept in {kept}; `python -m pawprint.lineage deliver {run_id}` delivers it later" in said
    # The steps have none; MLflow's launcher, which can't tell the server how its run ended, has its own.
    assert "pawprint" not in "".join(said.split("Traceback")[1:]), said
    assert {path.name for path in kept.iterdir()} >= {"files", "model", "metrics.jsonl", "training.json"}

    server.start()
    done = subprocess.run(
        [sys.executable, "-m", "pawprint.lineage", "deliver"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not kept.exists()
    train = server.client.get_run(run_id)
    assert train.info.status == "FINISHED"
    times = check_curves(server, run_id, epochs)
    assert times[-1] <= train.info.end_time
    assert train.data.metrics["best_epoch"] >= 1
    verified = subprocess.run(
        [sys.executable, "-m", "pawprint.lineage", "--tracking-uri", server.uri, "verify", run_id],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr

    again = start(*words, MLFLOW_TRACKING_URI=server.uri)
    said, _ = again.communicate(timeout=600)
    assert again.returncode == 0, said
    # Its model is loaded and scored by evaluate.
    assert f"train: reused from run {run_id}" in said
