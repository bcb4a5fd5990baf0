"""Metrics on their way: against a store that fails as servers do, answers lost included."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.tracking import deliveries
from pawprint.tracking import metrics as module
from pawprint.tracking.deliveries import deliver, kept_address, list_undelivered, send_metrics, settle
from pawprint.tracking.metrics import MetricSender
from pawprint.tracking.processes import describe_process
from pawprint.tracking.server import describe_server
from pawprint.training.checkpoint_file import Checkpoint
from pawprint.training.checkpoints import MAX_AGE_SECONDS, Checkpoints, Owner

EPOCHS = 30


@pytest.fixture
def run_id(store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.02)
    return str(MlflowClient().create_run("0").info.run_id)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the store fail some of its next calls, before or after it has done what it was asked to."""
    log_batch = MlflowClient.log_batch

    def install(*calls: str, code: int = TEMPORARILY_UNAVAILABLE) -> None:
        pending = list(calls)

        def failing(self: MlflowClient, *arguments: Any, **given: Any) -> Any:
            how = pending.pop(0) if pending else "none"
            answer = None if how == "before" else log_batch(self, *arguments, **given)
            if how != "none":
                raise MlflowException("away", error_code=code)
            return answer

        monkeypatch.setattr(MlflowClient, "log_batch", failing)

    return install


@pytest.fixture
def end_outage(store: Path, fail: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the store away from the beginning, with a cache of the test's own; return what brings it back."""
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    monkeypatch.setattr(deliveries, "_FAILED_RUN_WAIT_SECONDS", 0.1)
    fail(*["before"] * 1000)
    return fail


def histories(run_id: str) -> list[list[tuple[int, float, int]]]:
    client = MlflowClient()
    return [
        [(one.step, one.value, one.timestamp) for one in client.get_metric_history(run_id, name)]
        for name in ("loss", "accuracy")
    ]


def log_epochs(sender: MetricSender, first: int = 1, last: int = EPOCHS) -> None:
    for epoch in range(first, last + 1):
        sender.log({"loss": 1 / epoch, "accuracy": epoch / EPOCHS}, step=epoch, timestamp_ms=1000 + epoch)


def expected() -> list[list[tuple[int, float, int]]]:
    epochs = range(1, EPOCHS + 1)
    return [[(n, 1 / n, 1000 + n) for n in epochs], [(n, n / EPOCHS, 1000 + n) for n in epochs]]


def test_a_lost_answer_doubles_nothing_and_a_lost_request_loses_nothing(
    store: Path, run_id: str, fail: Callable[..., None]
) -> None:
    fail("after", "before", "before", "after")
    with MetricSender(run_id) as sender:
        log_epochs(sender)
        assert sender.drain(20)
    assert histories(run_id) == expected()


def test_what_was_not_delivered_stays_and_is_gone_on_with(
    store: Path, run_id: str, end_outage: Callable[[], None]
) -> None:
    with pytest.raises(ZeroDivisionError), send_metrics(run_id, Checkpoints()) as sender:
        log_epochs(sender, last=20)
        raise ZeroDivisionError
    lines = (store / "undelivered" / run_id / "metrics.jsonl").read_text().splitlines()
    assert sorted({json.loads(line)["step"] for line in lines}) == list(range(1, 21))
    # A crash may leave a file without its end.
    (store / "undelivered" / run_id / "metrics.part").write_text('{"step": 21, "timest')
    end_outage()
    with send_metrics(run_id, Checkpoints()) as sender:
        log_epochs(sender, first=21)
        assert sender.drain(20)
    assert histories(run_id) == expected()
    assert not list((store / "undelivered").iterdir())


def test_a_refusal_is_said_and_not_tried_again(store: Path, run_id: str, fail: Callable[..., None]) -> None:
    fail("before", code=INVALID_PARAMETER_VALUE)
    with MetricSender(run_id) as sender:
        log_epochs(sender)
        with pytest.raises(UserError, match="can't be delivered"):
            sender.drain(20)


def test_a_training_that_fails_has_its_metrics_delivered(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    with pytest.raises(ZeroDivisionError), send_metrics(run_id, Checkpoints()) as sender:
        log_epochs(sender)
        raise ZeroDivisionError
    assert histories(run_id) == expected()
    assert list_undelivered() == []


def test_or_kept_and_delivered_later(store: Path, run_id: str, end_outage: Callable[[], None]) -> None:
    with pytest.raises(ZeroDivisionError), send_metrics(run_id, Checkpoints()) as sender:
        log_epochs(sender)
        raise ZeroDivisionError
    assert list_undelivered() == [run_id]
    end_outage()
    assert "metrics delivered" in deliver(run_id)
    assert histories(run_id) == expected()
    # Nobody else had told the server of its end.
    assert mlflow.get_run(run_id).info.status == "FAILED"
    assert list_undelivered() == []


def test_many_metrics_go_in_batches(store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    with MetricSender(run_id) as sender:
        log_epochs(sender)
        assert sender.drain(20)
    assert histories(run_id) == expected()
    assert mlflow.get_run(run_id).data.metrics["accuracy"] == 1


def leave_training(
    cache: Path, run_id: str, *, key: str | None = "a" * 64, server: str | None = None, machine: str | None = None
) -> Checkpoints:
    """Leave what a training leaves that is killed after a few epochs, the server being away; its lock is still held."""
    checkpoints = Checkpoints()
    checkpoints.owner = Owner(run_id, server or describe_server(), machine or str(describe_process()["machine"]))
    checkpoints.open(cache / "checkpoints", key)
    epochs = range(1, EPOCHS + 1)
    history = [{"epoch": epoch, "loss": 1 / epoch, "accuracy": epoch / EPOCHS} for epoch in epochs]
    arrays = {"best": [np.ones(2)]}
    checkpoints.save(Checkpoint(history[:-1], [1000 + epoch for epoch in epochs][:-1], 1, arrays))
    checkpoints.save(Checkpoint(history, [1000 + epoch for epoch in epochs], 1, arrays))
    return checkpoints


def die(checkpoints: Checkpoints) -> None:
    """Let go of the lock, as the kernel does for a killed process."""
    assert checkpoints._lock is not None
    checkpoints._lock.release()


@contextmanager
def training(key: str | None = "d" * 64) -> Iterator[None]:
    """Train in a run of its own."""
    own = MlflowClient().create_run("0").info.run_id
    with Checkpoints(settle) as checkpoints, send_metrics(own, checkpoints):
        checkpoints.open(cache_folder() / "checkpoints", key)
        yield


def test_what_killed_processes_left_is_cleared_once_it_is_old(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    for key in ("a" * 64, "b" * 64):
        die(leave_training(store, run_id, key=key))
    long_ago = time.time() - MAX_AGE_SECONDS - 60
    old, recent = store / "checkpoints" / ("a" * 64), store / "checkpoints" / ("b" * 64)
    for path in (*old.iterdir(), old, old.with_suffix(".lock"), recent, recent.with_suffix(".lock")):
        os.utime(path, (long_ago, long_ago))
    with training():
        assert not old.exists()
        assert recent.exists()  # a file within was written to


def test_the_next_training_delivers_what_a_killed_one_had_measured(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    alive, unknown, elsewhere = (MlflowClient().create_run("0").info.run_id for _ in range(3))
    living = leave_training(store, alive, key="b" * 64)
    die(leave_training(store, unknown, key="c" * 64))
    # On a disk whose locks another machine does not see.
    die(leave_training(store, elsewhere, key="e" * 64, machine="another"))
    die(leave_training(store, run_id))
    # Whether its process lives can't be told.
    lock = store / "checkpoints" / f"{'c' * 64}.lock"
    lock.unlink()
    lock.mkdir()
    with training():
        assert histories(run_id) == expected()
        assert {path.parent.name[0] for path in (store / "checkpoints").glob("*/owner.json")} == {"b", "c", "d", "e"}
    assert list_undelivered() == []
    assert [histories(one) for one in (alive, unknown, elsewhere)] == [[[], []]] * 3
    # What it had come to stays, to be gone on with.
    assert len(list((store / "checkpoints" / ("a" * 64)).glob("*.checkpoint"))) == 2
    die(living)


def test_one_that_goes_on_with_it_delivers_it_too(store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    die(leave_training(store, run_id))
    with training("a" * 64):
        assert histories(run_id) == expected()
    assert not list((store / "checkpoints").iterdir())


@pytest.mark.parametrize("fault", ["newest damaged", "killed again"])
def test_it_is_delivered_whatever_happens_meanwhile(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    die(leave_training(store, run_id))
    if fault == "newest damaged":
        (newest,) = (store / "checkpoints").glob(f"*/{EPOCHS:06d}.checkpoint")
        newest.write_bytes(newest.read_bytes()[:-10])
        with training():
            assert histories(run_id) == [curve[:-1] for curve in expected()]
        return
    log = MetricSender.drain
    monkeypatch.setattr(MetricSender, "drain", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt), training():
        pass
    monkeypatch.setattr(MetricSender, "drain", log)
    with training():
        assert histories(run_id) == expected()


def test_without_the_cache_nothing_else_is_left(store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    die(leave_training(store, run_id, key=None))
    with pytest.raises(ZeroDivisionError), training(None):
        assert histories(run_id) == expected()
        raise ZeroDivisionError
    assert not list((store / "checkpoints").iterdir())


def test_a_finished_training_that_is_kept_stays_whole(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was killed after its results were moved there, and before the metrics were."""
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    die(leave_training(store, run_id))
    kept = store / "undelivered" / run_id
    kept.mkdir(parents=True)
    (kept / "training.json").write_text("{}")
    assert list_undelivered() == []
    with training():
        pass
    assert list_undelivered() == [run_id]
    assert {path.name for path in kept.iterdir()} == {"training.json", "metrics.jsonl", "server.txt"}


@pytest.mark.parametrize("why", ["away", "another server"])
def test_or_keeps_it_to_be_delivered(
    store: Path,
    run_id: str,
    fail: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    monkeypatch.setattr(deliveries, "_FAILED_RUN_WAIT_SECONDS", 0.1)
    die(leave_training(store, run_id, server=None if why == "away" else "http://elsewhere"))
    if why == "away":
        fail(*["before"] * 1000)
    with training():
        pass
    assert list_undelivered() == [run_id]
    assert kept_address(run_id) == (describe_server() if why == "away" else "http://elsewhere")
    assert histories(run_id) == [[], []]
    assert f"run {run_id} was killed; its results are kept in" in caplog.text
    fail()
    assert "metrics delivered" in deliver(run_id)
    assert histories(run_id) == expected()
