"""Metrics on their way: against a store that fails as servers do, answers lost included."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE

from pawprint.base.errors import UserError
from pawprint.tracking import deliveries
from pawprint.tracking import spool as module
from pawprint.tracking.deliveries import deliver, list_undelivered, open_spool
from pawprint.tracking.processes import describe_process
from pawprint.tracking.server import tell_server
from pawprint.tracking.spool import Spool

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


def histories(run_id: str) -> list[list[tuple[int, float, int]]]:
    client = MlflowClient()
    return [
        [(one.step, one.value, one.timestamp) for one in client.get_metric_history(run_id, name)]
        for name in ("loss", "accuracy")
    ]


def log_epochs(spool: Spool, first: int = 1, last: int = EPOCHS) -> None:
    for epoch in range(first, last + 1):
        spool.log({"loss": 1 / epoch, "accuracy": epoch / EPOCHS}, step=epoch, timestamp_ms=1000 + epoch)


def expected() -> list[list[tuple[int, float, int]]]:
    epochs = range(1, EPOCHS + 1)
    return [[(n, 1 / n, 1000 + n) for n in epochs], [(n, n / EPOCHS, 1000 + n) for n in epochs]]


def test_a_lost_answer_doubles_nothing_and_a_lost_request_loses_nothing(
    store: Path, run_id: str, fail: Callable[..., None]
) -> None:
    fail("after", "before", "before", "after")
    with Spool(store / "spool", run_id) as spool:
        log_epochs(spool)
        assert spool.drain(20)
    assert histories(run_id) == expected()


def test_what_was_not_delivered_stays_and_is_gone_on_with(store: Path, run_id: str, fail: Callable[..., None]) -> None:
    fail(*["before"] * 1000)
    with Spool(store / "spool", run_id) as spool:
        log_epochs(spool, last=20)
        assert not spool.drain(0.2)
    # A crash may leave a line without its end.
    with (store / "spool" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 21, "timest')
    fail()
    with Spool(store / "spool", run_id) as spool:
        log_epochs(spool, first=21)
        assert spool.drain(20)
    assert histories(run_id) == expected()
    lines = (store / "spool" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, EPOCHS + 1))


def test_a_refusal_is_said_and_not_tried_again(store: Path, run_id: str, fail: Callable[..., None]) -> None:
    fail("before", code=INVALID_PARAMETER_VALUE)
    with Spool(store / "spool", run_id) as spool:
        log_epochs(spool)
        with pytest.raises(UserError, match="can't be delivered"):
            spool.drain(20)


def test_a_training_that_fails_has_its_metrics_delivered(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    with pytest.raises(ZeroDivisionError), open_spool(run_id) as spool:
        log_epochs(spool)
        raise ZeroDivisionError
    assert histories(run_id) == expected()
    assert not list((store / "spool").iterdir())


def test_or_kept_and_delivered_later(
    store: Path, run_id: str, fail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    monkeypatch.setattr(deliveries, "_LAST_CHANCE_SECONDS", 0.1)
    fail(*["before"] * 1000)
    with pytest.raises(ZeroDivisionError), open_spool(run_id) as spool:
        log_epochs(spool)
        raise ZeroDivisionError
    assert list_undelivered() == [run_id]
    fail()
    assert "metrics delivered" in deliver(run_id)
    assert histories(run_id) == expected()
    # Nobody else had told the server of its end.
    assert mlflow.get_run(run_id).info.status == "FAILED"
    assert list_undelivered() == []


def test_many_metrics_go_in_batches(store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    with Spool(store / "spool", run_id) as spool:
        log_epochs(spool)
        assert spool.drain(20)
    assert histories(run_id) == expected()
    assert mlflow.get_run(run_id).data.metrics["accuracy"] == 1


def test_what_killed_processes_left_is_cleared_once_it_is_old(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    old, recent = store / "spool" / "old", store / "spool" / "recent"
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text("")
    long_ago = time.time() - deliveries.MAX_AGE_SECONDS - 60
    for path in (old / "metrics.jsonl", old, recent):
        os.utime(path, (long_ago, long_ago))
    with open_spool(run_id):
        assert not old.exists()
        assert recent.exists()  # a file within was written to


def leave_spool(folder: Path, run_id: str, **process: object) -> None:
    """Leave what a training leaves that is killed after it has spooled a few epochs, the server being away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spool, "_send", lambda *_: False)
        with Spool(folder / "spool" / run_id, run_id) as spool:
            log_epochs(spool)
    (folder / "spool" / run_id / "server.txt").write_text(tell_server())
    told = describe_process() | process | {"started_ms": time.time_ns() // 1_000_000}
    (folder / "spool" / run_id / "process.json").write_text(json.dumps(told))


def test_the_next_training_delivers_what_a_killed_one_had_spooled(
    store: Path, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    alive, elsewhere, own = (MlflowClient().create_run("0").info.run_id for _ in range(3))
    leave_spool(store, run_id, pid=2**22 + 1)
    leave_spool(store, alive)
    leave_spool(store, elsewhere, pid=2**22 + 1, machine="another")
    assert histories(run_id) != expected()
    with open_spool(own):
        assert histories(run_id) == expected()
        assert {path.name for path in (store / "spool").iterdir()} == {alive, elsewhere, own}
    assert list_undelivered() == []
    assert histories(alive) != expected()


def test_or_keeps_it_to_be_delivered(
    store: Path,
    run_id: str,
    fail: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(store))
    monkeypatch.setattr(deliveries, "_LAST_CHANCE_SECONDS", 0.1)
    leave_spool(store, run_id, pid=2**22 + 1)
    own = MlflowClient().create_run("0").info.run_id
    fail(*["before"] * 1000)
    with open_spool(own):
        pass
    assert list_undelivered() == [run_id]
    assert f"run {run_id} was killed; its results are kept in" in caplog.text
    fail()
    assert "metrics delivered" in deliver(run_id)
    assert histories(run_id) == expected()
