"""Two runs at once on one cache and one store, and many writers on one sqlite file."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pawprint.lineage.locks import wait_for_other_writers
from tests.servers import answering, give

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with its tables: two launchers that make a new one at once get in the way of each other's migrations."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def photos_url(tiny_photos: Callable[..., Path], tmp_path: Path) -> Iterator[str]:
    """The address of a zip of photos."""
    data = Path(shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_photos(photos=20))).read_bytes()
    with answering(lambda handler: give(handler, data)) as url:
        yield f"{url}/pets.zip"


def test_two_runs_at_once_are_both_right(photos_url: str, store: str, tmp_path: Path) -> None:
    surroundings = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "PAWPRINT_CACHE": str(tmp_path / "cache"),
        "MLFLOW_TRACKING_URI": store,
    }
    words = ("-P", f"source={photos_url}", "-P", "epochs=1", "-P", "image_size=32")
    launchers = [
        subprocess.Popen(
            [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
            cwd=tmp_path,
            env=surroundings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [launcher.communicate() for launcher in launchers]
    assert [launcher.returncode for launcher in launchers] == [0, 0], said
    assert not any("locked" in out + err for out, err in said)
    runs = MlflowClient(store).search_runs(["0"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    mains = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(mains) == 2
    results = [{k: v for k, v in run.data.metrics.items() if k.startswith("test_")} for run in mains]
    assert results[0] == results[1]
    assert results[0]
    for tag in ("pawprint.photos_sha256", "pawprint.dataset_digest"):
        assert len({run.data.tags[tag] for run in mains}) == 1


WRITER = """
import sys, time
from mlflow import MlflowClient
from pawprint.lineage.locks import wait_for_other_writers
wait_for_other_writers()
client, until = MlflowClient(sys.argv[1]), time.time() + 10
while time.time() < until:
    run = client.create_run("0").info.run_id
    for step in range(10):
        client.log_metric(run, "loss", step, step=step)
        client.set_tag(run, "step", str(step))
    client.search_runs(["0"], max_results=50)
    client.set_terminated(run)
"""


def test_many_writers_wait_for_each_other(store: str) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, store], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 6, said
    assert not any("locked" in text for text in said)
    runs = MlflowClient(store).search_runs(["0"])
    assert {run.data.metrics["loss"] for run in runs} == {9}


def test_a_store_that_is_held_for_longer_than_mlflow_waits(store: str) -> None:
    """As `mlflow gc` or a backup may do; MLflow itself gives up after 20 s."""
    wait_for_other_writers()
    client = MlflowClient(store)
    run = client.create_run("0").info.run_id
    holder = sqlite3.connect(store.removeprefix("sqlite:///"), check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(23, holder.rollback)
    timer.start()
    started = time.monotonic()
    client.set_tag(run, "late", "yes")
    assert time.monotonic() - started > 20
    timer.join()
    holder.close()
    assert client.get_run(run).data.tags["late"] == "yes"
