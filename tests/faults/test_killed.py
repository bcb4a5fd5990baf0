"""Killed at any moment, a training goes on from its last whole epoch and ends as one that was never killed."""

import csv
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EPOCHS = 24
KILLS = 20
SEED = 6


@dataclass
class Place:
    """A store and a cache of their own, and the command that trains there."""

    folder: Path
    dataset: str = ""
    told_at: dict[int, int] = field(default_factory=dict)

    def step(self, name: str, *words: str, driver: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"} | {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "PAWPRINT_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(self.temporary),
        }
        self.temporary.mkdir(exist_ok=True)
        started = [*driver] if driver else ["-m", f"steps.{name}"]
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, *started, *words], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def train(self, driver: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        words = {
            "dataset": self.dataset,
            "architecture": "baseline",
            "epochs": EPOCHS,
            "batch_size": 16,
            "learning_rate": "auto",
            "patience": 0,
            "finetune": "auto",
            "minutes": 0,
            "mirror": "auto",
            "weight_decay": "auto",
            "augmentation": "auto",
            "width": "auto",
            "weights": "",
            "seed": 0,
            "cost": "",
            "export": "",
        }
        given = [word for name, value in words.items() for word in (f"--{name}", str(value))]
        return self.step("train", *given, driver=driver)

    def finish(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.wait(timeout=180) == 0, self.said

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def temporary(self) -> Path:
        return self.folder / "temporary"

    @property
    def output(self) -> Path:
        return self.folder / "output.txt"

    @property
    def said(self) -> str:
        return self.output.read_text()

    def newest(self) -> Run:
        client = MlflowClient(self.tracking_uri)
        (run,) = client.search_runs(["0"], order_by=["attributes.start_time DESC"], max_results=1)
        return client.get_run(run.info.run_id)

    def checkpoints(self) -> list[Path]:
        return sorted((self.folder / "cache" / "checkpoints").glob("*/*.checkpoint"))

    def reached(self) -> int:
        """The last epoch that is kept, as its file's name has it."""
        return max((int(path.stem) for path in self.checkpoints()), default=0)

    def check_told(self) -> None:
        """What the newest run says of an epoch has the time at which the first run that reached it said so."""
        run = self.newest()
        if "train_loss" not in run.data.metrics:
            return
        history = MlflowClient(self.tracking_uri).get_metric_history(run.info.run_id, "train_loss")
        assert [metric.step for metric in history] == list(range(1, len(history) + 1))
        for metric in history:
            assert self.told_at.setdefault(metric.step, metric.timestamp) == metric.timestamp


def result(at: Place) -> dict[str, Any]:
    """All that must be the same of a finished training: figures, history, weights."""
    run = at.newest()
    assert run.info.status == "FINISHED"
    client = MlflowClient(at.tracking_uri)
    curves = {
        name: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
        if re.fullmatch(r"(train|validation)_\w+|learning_rate|best_epoch", name)
    }
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    with (folder / "history.csv").open() as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    model = client.get_logged_model(run.outputs.model_outputs[0].model_id)
    (network,) = Path(model.artifact_location.removeprefix("file://")).rglob("network.keras")
    return {"curves": curves, "rows": rows, "weights": digest_weights(network)}


def digest_weights(network: Path) -> str:
    digest = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + np.asarray(item).tobytes())

    with zipfile.ZipFile(network).open("model.weights.h5") as inner, h5py.File(inner) as weights:
        weights.visititems(add)
    return digest.hexdigest()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A dataset of drawn photos, and the training that was never killed."""
    at = Place(tmp_path_factory.mktemp("reference"))
    at.finish(at.step("download", "--source", "synthetic:80", "--labels", "auto", "--keep_photos", "copy"))
    split = ("--train_images", "0", "--test_images", "0", "--validation_fraction", "0.25", "--seed", "0")
    split += ("--fit", "auto", "--group", "", "--split_by_time", "", "--where", "", "--near_duplicates", "group")
    split += ("--corrections", "", "--correct_test", "false", "--more", "")
    photos = f"runs:/{at.newest().info.run_id}/photos"
    at.finish(at.step("preprocess", "--photos", photos, "--image_size", "32", *split))
    at.dataset = f"runs:/{at.newest().info.run_id}/dataset"
    shutil.copy(at.folder / "mlflow.db", at.folder / "prepared.db")
    at.finish(at.train())
    assert not list((at.folder / "cache" / "checkpoints").iterdir())
    return at


@pytest.fixture(scope="module")
def expected(prepared: Place) -> dict[str, Any]:
    found = result(prepared)
    assert len(found["rows"]) == EPOCHS
    assert sorted(found["curves"])[0] == "best_epoch"
    return found


def make_place(prepared: Place, folder: Path) -> Place:
    folder.mkdir()
    shutil.copy(prepared.folder / "prepared.db", folder / "mlflow.db")
    return Place(folder, prepared.dataset)


def wait_for(at: Place, process: "subprocess.Popen[bytes]", kind: str, rng: np.random.Generator) -> None:
    """Wait for a random moment: within the start, around the end of an epoch, or while the model is logged."""
    target, before = at.reached() + int(rng.integers(1, 3)), at.reached()

    def arrived() -> bool:
        if kind == "start":
            return True
        if kind == "epochs" and before < EPOCHS:
            return at.reached() >= target
        return f"epoch  {EPOCHS}/{EPOCHS}" in at.said

    while not arrived() and process.poll() is None:
        time.sleep(0.005)
    end = time.monotonic() + rng.uniform(0, {"start": 5, "epochs": 0.3, "logging": 3}[kind])
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)


def kill_often(at: Place, kinds: Sequence[str], seed: int, expected: dict[str, Any]) -> int:
    """Kill the training at a moment of each kind, and let the last one end; returns how often one ended before."""
    rng, pending, ended = np.random.default_rng(seed), list(kinds), 0
    while True:
        before = at.reached()
        process = at.train()
        if pending:
            wait_for(at, process, pending[0], rng)
        else:
            process.wait(timeout=180)
        process.kill()
        killed = process.wait() == -signal.SIGKILL
        at.check_told()
        # No epoch that is kept is learned again.
        if before and re.search(r"^epoch +1/", at.said, re.MULTILINE):
            assert f"going on after epoch {before} of {EPOCHS}" in at.said
        if killed:
            pending.pop(0)
            newest = at.newest()
            if "train_loss" in newest.data.metrics and newest.info.status == "FINISHED":
                # All was done, and the process on its way out: the next one begins a training of its own.
                assert result(at) == expected
                at.told_at.clear()
            continue
        assert process.returncode == 0, at.said
        assert result(at) == expected
        at.told_at.clear()
        if not pending:
            return ended
        ended += 1


def test_twenty_random_kills_change_nothing(prepared: Place, expected: dict[str, Any], tmp_path: Path) -> None:
    kinds = ["start"] * 4 + ["epochs"] * 11 + ["logging"] * 5
    assert len(kinds) == KILLS
    kinds = [str(kind) for kind in np.random.default_rng(SEED).permutation(kinds)]
    # Two trainings beside each other, each with a core's worth of imports.
    places = [make_place(prepared, tmp_path / name) for name in ("one", "two")]
    with ThreadPoolExecutor(2) as beside:
        futures = [
            beside.submit(kill_often, at, kinds[number::2], SEED + number, expected) for number, at in enumerate(places)
        ]
        for future in futures:
            future.result()
    for at in places:
        assert not list((at.folder / "cache" / "checkpoints").iterdir())
        # The last one has delivered what the killed ones had measured.
        assert not list((at.folder / "cache" / "results").iterdir())
        assert not list((at.folder / "cache" / "undelivered").glob("*"))
        assert not list(at.temporary.iterdir())


DRIVER = """
import os, runpy, signal, sys

kind, epoch = sys.argv[1], sys.argv[2]
del sys.argv[1:3]
real_replace, real_fsync = os.replace, os.fsync

def replace(source, target, **more):
    if kind == "rename" and str(target).endswith(epoch + ".checkpoint"):
        os.kill(os.getpid(), signal.SIGKILL)
    real_replace(source, target, **more)

def fsync(descriptor):
    if kind == "write" and os.readlink(f"/proc/self/fd/{descriptor}").endswith(epoch + ".part"):
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    real_fsync(descriptor)

os.replace, os.fsync = replace, fsync
sys.path.insert(0, os.getcwd())
runpy.run_module("steps.train", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are found in /proc")
def test_a_kill_while_a_checkpoint_is_written_and_damaged_ones(
    prepared: Place, expected: dict[str, Any], tmp_path: Path
) -> None:
    at = make_place(prepared, tmp_path / "place")

    def killed(kind: str, epoch: int) -> None:
        process = at.train(driver=("-c", DRIVER, kind, str(epoch)))
        assert process.wait(timeout=180) == -signal.SIGKILL, at.said

    killed("write", 3)
    (left,) = (at.folder / "cache" / "checkpoints").glob("*/*.part")
    assert left.stat().st_size > 0
    assert at.reached() == 2
    killed("rename", 5)
    assert "going on after epoch 2 of" in at.said
    assert at.reached() == 4

    newest = at.checkpoints()[-1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 3] ^= 0b1000
    newest.write_bytes(data)
    killed("rename", 8)
    assert f"{newest} is damaged" in at.said
    assert "going on after epoch 3 of" in at.said
    assert at.reached() == 7

    newest = at.checkpoints()[-1]
    os.truncate(newest, newest.stat().st_size // 2)
    at.finish(at.train())
    assert f"{newest} is damaged" in at.said
    assert "going on after epoch 6 of" in at.said
    assert result(at) == expected
    assert not list((at.folder / "cache" / "checkpoints").iterdir())
