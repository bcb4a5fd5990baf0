"""Runs that a kill left RUNNING: ours are marked, a colleague's never is."""

import getpass
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import mlflow
import psutil
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.base.handover import VARIABLE
from pawprint.report.__main__ import lineage
from pawprint.tracking import heartbeat, processes
from pawprint.tracking.heartbeat import send_heartbeats
from pawprint.tracking.orphans import HOUR_MS, find_all_orphans
from pawprint.tracking.processes import describe_process, end_with_starter, find_start
from pawprint.tracking.runs import start_step

Leave = Callable[..., str]


@pytest.fixture
def gone() -> dict[str, str]:
    """The tags of a process that has just ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        tags = {"pid": process.pid, "process_started": find_start(process.pid)}
        process.kill()
    return {name: str(value) for name, value in (describe_process() | tags).items() if value is not None}


@pytest.fixture
def leave(store: Path) -> Leave:
    """Make a run that is RUNNING, with `pawprint.` tags (None: none), started so many hours ago; returns its id."""

    def make(tags: dict[str, str] | None, *, hours: float = 0, earlier: bool = False, **more: str) -> str:
        own = {"pawprint.environment": json.dumps(tags)} if tags else {}
        if earlier:  # a tag for each fact
            own = {f"pawprint.{name}": value for name, value in (tags or {}).items()}
        others = {"mlflow.user": getpass.getuser(), "mlflow.project.entryPoint": "train"} | {
            name.replace("__", "."): value for name, value in more.items()
        }
        started = int(time.time() * 1000 - hours * HOUR_MS)
        return str(MlflowClient().create_run("0", start_time=started, tags=own | others).info.run_id)

    return make


def status(run_id: str) -> str:
    return str(MlflowClient().get_run(run_id).info.status)


def start_a_step() -> Run:
    with start_step() as run:
        pass
    return run


def test_a_run_whose_process_is_gone_is_marked_and_said(
    leave: Leave, gone: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    left = leave(gone, hours=5)
    MlflowClient().log_metric(left, "loss", 1.0, timestamp=1_700_000_000_000)
    heard_of = int(time.time() * 1000 - 4 * HOUR_MS)
    MlflowClient().log_metric(left, "loss", 0.5, timestamp=heard_of, step=2)
    start_a_step()
    run = MlflowClient().get_run(left)
    assert run.info.status == "KILLED"
    assert run.info.end_time == heard_of
    assert run.data.tags["pawprint.error"].startswith("orphaned: its process is gone (there is no process")
    assert f"run {left} (train on" in caplog.text
    assert "it is now marked KILLED" in caplog.text


def test_a_run_of_an_earlier_version_is_marked_too(leave: Leave, gone: dict[str, str]) -> None:
    left = leave(gone, earlier=True)
    start_a_step()
    assert status(left) == "KILLED"


def test_what_may_be_alive_or_a_colleagues_is_not_touched(leave: Leave, gone: dict[str, str]) -> None:
    here = {name: str(value) for name, value in describe_process().items()}
    left = [
        leave(here),
        leave(gone | {"host": "another"}),
        leave(gone | {"machine": "of the same name"}),
        leave(gone | {"pid_namespace": "pid:[1]"}),  # a container beside this one
        leave(gone, mlflow__user="a colleague"),
        # Started after this machine came up, by one that has not gone down: another one of the same name.
        leave(gone | {"boot": "another"}),
        leave(None, hours=100),
        leave({"host": gone["host"]}),  # no more is known: as it starts, or from before there were such tags
    ]
    start_a_step()
    assert {status(run_id) for run_id in left} == {"RUNNING"}


def test_a_process_of_the_same_number_is_another_one(leave: Leave, gone: dict[str, str]) -> None:
    left = leave(gone | {"pid": str(os.getpid())})
    start_a_step()
    assert "is another one now" in MlflowClient().get_run(left).data.tags["pawprint.error"]


@pytest.mark.skipif(processes._boot() is None, reason="there is no boot id here")
def test_what_ran_before_the_machine_went_down_is_gone(leave: Leave, gone: dict[str, str]) -> None:
    since_boot = (time.time() - psutil.boot_time()) / 3600
    # Though a process of that number is there.
    left = leave(gone | {"pid": str(os.getpid()), "boot": "another"}, hours=since_boot + 1)
    start_a_step()
    assert "was started anew since" in MlflowClient().get_run(left).data.tags["pawprint.error"]


def reap(*words: str) -> str:
    done = CliRunner().invoke(lineage, ["--tracking-uri", mlflow.get_tracking_uri(), "reap", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_reap_lists_first_and_keeps_to_this_machine(leave: Leave, gone: dict[str, str]) -> None:
    mine, other = leave(gone), leave(gone | {"host": "another"}, hours=100)
    listed = reap("--dry-run")
    assert mine in listed
    assert other not in listed
    assert listed.endswith("1 found\n")
    assert status(mine) == "RUNNING"
    assert reap().endswith("1 marked KILLED\n")
    assert [status(mine), status(other)] == ["KILLED", "RUNNING"]


def test_other_machines_only_when_asked_and_after_an_hour_of_silence(leave: Leave, gone: dict[str, str]) -> None:
    there = gone | {"host": "another"}
    client = MlflowClient()
    silent, young, talking, beating, parent = (
        leave(there, hours=hours, mlflow__project__entryPoint="main") for hours in (1.1, 0.9, 9, 9, 9)
    )
    client.log_metric(talking, "loss", 0.5)
    client.set_tag(beating, "pawprint.alive_at", str(int(time.time() * 1000 - 0.5 * HOUR_MS)))
    child = leave(there, hours=9, mlflow__parentRunId=parent)
    client.log_metric(child, "system/cpu", 0.5)
    busy_here = leave({name: str(value) for name, value in describe_process().items()}, hours=9)
    assert reap("--all-hosts", "--older-than", "1").endswith("1 marked KILLED\n")
    assert status(silent) == "KILLED"
    assert {status(one) for one in (young, talking, beating, parent, child, busy_here)} == {"RUNNING"}


def test_an_hour_is_the_least(store: Path) -> None:
    done = CliRunner().invoke(lineage, ["reap", "--all-hosts", "--older-than", "0.1"])
    assert done.exit_code == 2


def test_of_what_never_reached_our_code_only_this_projects(leave: Leave, gone: dict[str, str]) -> None:
    parent = leave(gone | {"host": "another"}, mlflow__source__name="file:///ours", mlflow__project__entryPoint="main")
    child = leave(None, hours=2, mlflow__parentRunId=parent)
    same_source = leave(None, hours=2, mlflow__source__name="file:///ours", mlflow__project__entryPoint="main")
    leave(None, hours=2, mlflow__source__name="file:///theirs", mlflow__project__entryPoint="main")
    leave(None, hours=2, mlflow__source__name="file:///ours", mlflow__project__entryPoint="deploy")
    leave(None, hours=0.5, mlflow__source__name="file:///ours", mlflow__project__entryPoint="main")
    assert {orphan.run.info.run_id for orphan in find_all_orphans("0", hours=1)} == {child, same_source}


def test_signs_of_life_are_given_while_a_step_lasts(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL_SECONDS", 0.01)
    before = time.time() * 1000
    with mlflow.start_run() as run, send_heartbeats(run.info.run_id):
        for _ in range(500):
            if "pawprint.alive_at" in (tags := MlflowClient().get_run(run.info.run_id).data.tags):
                break
            time.sleep(0.02)
    assert int(tags["pawprint.alive_at"]) >= int(before)
    assert "pawprint.alive_at" not in MlflowClient().get_run(run.info.run_id).data.tags


STEP = """
import sys, time
sys.path.insert(0, sys.argv[1])
import click
from pawprint.tracking.processes import end_with_starter
from pawprint.console.console import run_command

@click.command()
def step():
    with end_with_starter():
        print("up", flush=True)
        time.sleep(60)

sys.argv = sys.argv[:1]
run_command(step)
"""


@pytest.mark.slow
def test_a_step_ends_with_the_process_that_started_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as starter:
        variable = {VARIABLE: json.dumps({"starter": f"{starter.pid}:{find_start(starter.pid)}"})}
        with subprocess.Popen(
            [sys.executable, "-c", STEP, str(Path(__file__).parents[2])],
            env=os.environ | variable,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as step:
            assert step.stdout and step.stdout.readline() == b"up\n"
            time.sleep(1.5)
            assert step.poll() is None
            starter.kill()
            starter.wait()
            assert step.wait(timeout=20) == 143


def test_a_step_that_a_person_started_watches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    before = threading.active_count()
    with end_with_starter():
        assert threading.active_count() == before
