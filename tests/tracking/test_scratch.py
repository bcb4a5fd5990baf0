"""However a process ends, its temporary files go: with it, or, where it was killed, with the next one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from pawprint.tracking import scratch
from pawprint.tracking.runs import start_step
from pawprint.tracking.scratch import use_scratch

ROOT = Path(__file__).parents[2]
STEP = """
import sys, tempfile, time
from pathlib import Path
import click
from pawprint.tracking.scratch import use_scratch
from pawprint.console.console import run_command

@click.command()
@click.argument("end")
def work(end):
    with use_scratch():
        folder = tempfile.mkdtemp()
        Path(folder, "file").write_text("left")
        print(folder, flush=True)
        if end == "mistake":
            raise RuntimeError("a mistake")
        if end == "wait":
            time.sleep(60)

run_command(work)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Start a step that makes a file, and ends as it is told; return it when the file is there."""
    with ExitStack() as started:

        def begin(end: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-c", STEP, end],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            assert process.stdout
            made = Path(process.stdout.readline().strip())
            assert made.parents[1] == tmp_path
            return process

        yield begin


@pytest.mark.slow  # each process imports MLflow
def test_a_process_that_ends_leaves_nothing_and_one_that_is_killed_what_the_next_clears(
    start: Callable[[str], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    for end, code in (("well", 0), ("mistake", 1)):
        assert start(end).wait() == code
    alive, terminated, killed = (start("wait") for _ in range(3))
    terminated.terminate()
    assert terminated.wait() == 143
    killed.kill()
    killed.wait()
    assert len(list(tmp_path.iterdir())) == 2
    assert start("well").wait() == 0
    (left,) = tmp_path.iterdir()
    assert f"-{alive.pid}-" in left.name


def test_a_step_works_in_a_folder_of_its_own(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    with start_step():
        assert Path(tempfile.mkdtemp()).parents[1] == tmp_path
        assert f"-{os.getpid()}-" in tempfile.gettempdir()
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "mlflow.db", tmp_path / "mlruns"}


def test_what_may_be_somebody_s_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone, started = 2**22 + 1, psutil.boot_time()
    machine, space = scratch._name_place()
    kept = [
        "pawprint-abcdefgh",  # nobody's that could be told
        f"pawprint-ffffff-{space}-{gone}-1-abcdefgh",  # another machine's
        f"pawprint-{machine}-ffffff-{gone}-1-abcdefgh",  # another container's
        "photos",
    ]
    lost = [f"pawprint-{machine}-{space}-{gone}-1-abcdefgh", f"pawprint-{machine}-eeeeee-{gone}-1-abcdefgh"]
    for name in kept + lost:
        (tmp_path / name).mkdir()
    os.utime(tmp_path / lost[1], (started - 100, started - 100))  # from before the machine was started anew
    with use_scratch():
        own = Path(tempfile.gettempdir())
        assert own.parent == tmp_path
        with use_scratch(), tempfile.TemporaryDirectory() as folder:
            assert Path(folder).parents[1] == own
        assert Path(tempfile.gettempdir()) == own
    assert tempfile.gettempdir() == str(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


def test_where_no_folder_can_be_made_all_is_as_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with use_scratch():
        assert tempfile.gettempdir() == str(tmp_path / "nowhere")
