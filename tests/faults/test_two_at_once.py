"""Two runs at once on one cache and one store, and many writers on one sqlite file."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from pawprint.tracking.locks import wait_for_other_writers
from tests.servers import answering, give

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with its tables: two launchers that make a new one at once get in the way of each other's migrations."""
    monkeypatch.chdir(tmp_path)  # where its artifacts go, too
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def photos_url(tiny_photos: Callable[..., Path], tmp_path: Path) -> Iterator[str]:
    """The address of a zip of photos."""
    data = Path(shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_photos(photos=20))).read_bytes()
    with answering(lambda handler: give(handler, data)) as url:
        yield f"{url}/pets.zip"


EPOCHS = 3
WAITS = "another process trains the same; waiting for it to end"


def hold_back(launchers: dict[Path, "subprocess.Popen[bytes]"], cache: Path, store: str) -> psutil.Process | None:
    """Wait until one of the runs trains, and stop it in mid-training, so that the other one has to meet it.

    Returns:
        Its process; None where the other one waits already.
    """
    while all(launcher.poll() is None for launcher in launchers.values()):
        if any(WAITS in said.read_text() for said in launchers):
            return None
        locks = {str(path) for path in (cache / "checkpoints").glob("*.lock")}
        trains = list((cache / "checkpoints").glob("*/*.checkpoint"))
        for process in find_trainings(launchers.values()) if trains else []:
            with contextlib.suppress(psutil.Error):
                if not locks & {file.path for file in process.open_files()}:
                    continue
                process.suspend()
                # Not while it writes to the store, which would hold up everybody.
                path = store.removeprefix("sqlite:///")
                with (
                    contextlib.suppress(sqlite3.OperationalError),
                    contextlib.closing(sqlite3.connect(path, timeout=0)) as database,
                ):
                    database.execute("BEGIN IMMEDIATE")
                    database.rollback()
                    return process
                process.resume()
        time.sleep(0.02)
    return None


def find_trainings(launchers: Iterable["subprocess.Popen[bytes]"]) -> list[psutil.Process]:
    found = []
    for launcher in launchers:
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(launcher.pid).children(recursive=True)
            found += [one for one in family if one.cmdline()[1:3] == ["-m", "steps.train"]]
    return found


def test_two_runs_at_once_are_both_right(photos_url: str, store: str, tmp_path: Path) -> None:
    """The same photos, parameters and seed, and so the same checkpoints: one trains, the other waits and goes on."""
    cache = tmp_path / "cache"
    surroundings = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "PAWPRINT_CACHE": str(cache),
        "MLFLOW_TRACKING_URI": store,
    }
    words = ["-P", f"source={photos_url}", "-P", f"epochs={EPOCHS}", "-P", "image_size=32", "-P", "patience=0"]
    launchers = {}
    for number in (1, 2):
        with (tmp_path / f"said-{number}.txt").open("wb") as said:
            launchers[Path(said.name)] = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
                cwd=tmp_path,
                env=surroundings,
                stdout=said,
                stderr=said,
            )
    held = hold_back(launchers, cache, store)
    try:
        while held and held.is_running() and not any(WAITS in said.read_text() for said in launchers):
            assert all(launcher.poll() is None for launcher in launchers.values())
            time.sleep(0.1)
    finally:
        if held:
            with contextlib.suppress(psutil.NoSuchProcess):
                held.resume()
    codes = [launcher.wait() for launcher in launchers.values()]
    texts = [said.read_text() for said in launchers]
    assert codes == [0, 0], texts
    assert not any("locked" in text for text in texts)
    (waited,) = (text for text in texts if WAITS in text)
    assert re.search(rf"going on after epoch [1-{EPOCHS}] of {EPOCHS}, which an earlier run had reached", waited)
    client = MlflowClient(store)
    runs = client.search_runs(["0"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    mains = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(mains) == 2
    results = [{k: v for k, v in run.data.metrics.items() if k.startswith("test_")} for run in mains]
    assert results[0] == results[1]
    assert results[0]
    for tag in ("pawprint.photos_sha256", "pawprint.dataset_digest"):
        assert len({run.data.tags[tag] for run in mains}) == 1
    trains = [run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train"]
    assert len(trains) == 2
    assert len({run.data.tags["pawprint.model_digest"] for run in trains}) == 1
    curves = [
        sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, "train_loss"))
        for run in trains
    ]
    assert curves[0] == curves[1]
    assert [step for step, _ in curves[0]] == list(range(1, EPOCHS + 1))
    assert not list((cache / "checkpoints").iterdir())


WRITER = """
import sys, time
from mlflow import MlflowClient
from pawprint.tracking.locks import wait_for_other_writers
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
