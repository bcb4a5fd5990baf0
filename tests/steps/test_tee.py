"""The console is kept, and a person sees what they saw without it: bars, order, exit code."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What main does: it writes itself, a child writes, another child draws a bar if stderr is a terminal, and it fails.
STEP = """
import os, subprocess, sys, time, types
import click
from pawprint.errors import UserError
from steps.console import run_command

# MLflow, which takes seconds to import, is not what is tested.
sys.modules["pawprint.lineage"] = sys.modules["pawprint.lineage.runs"] = types.SimpleNamespace(
    log_console=lambda run_id, text: open(os.environ["KEPT"], "w").write(f"{run_id}\\n{text}"),
    tag_refusal=lambda reason: 1 / 0,  # as little as any other failing store may it keep the mistake from being heard
)

@click.command()
@click.option("--how", required=True)
def step(how):
    click.echo("out first")
    sys.stdout.flush()
    click.echo("err second", err=True)
    sys.stderr.flush()
    subprocess.run(["sh", "-c", "echo child third; echo child fourth >&2"])
    bar = "from tqdm import tqdm; import time; [time.sleep(0.02) for _ in tqdm(range(20), disable=None, desc='bar')]"
    subprocess.run([sys.executable, "-c", bar])
    size = "import os, sys; print('terminal', sys.stdout.isatty(), sys.stdout.isatty() and os.get_terminal_size())"
    subprocess.run([sys.executable, "-c", size])
    click.echo("https://me:hunter2@host")
    if how == "mistake":
        raise UserError("the last word")
    if how == "bug":
        raise ValueError("a bug of ours")

run_command(step, keep_console=True)
"""


def environment(kept: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_RUN_ID": "a-run", "KEPT": str(kept), **more}


def command(how: str) -> list[str]:
    return [sys.executable, "-c", STEP, "--how", how]


@pytest.mark.parametrize(("how", "code", "said"), [("well", 0, ""), ("mistake", 1, "error: the last word")])
def test_through_a_pipe_nothing_is_changed_and_all_is_kept(tmp_path: Path, how: str, code: int, said: str) -> None:
    kept = tmp_path / "kept.txt"
    done = subprocess.run(
        command(how),
        env=environment(kept),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    lines = [
        "out first",
        "err second",
        "child third",
        "child fourth",
        "terminal False False",
        "https://me:hunter2@host",
    ]
    lines += [said] if said else []
    assert done.returncode == code
    assert done.stdout.splitlines() == lines
    lines[5] = "https://…@host"
    assert kept.read_text().splitlines() == ["a-run", *lines]


def test_stdout_and_stderr_stay_apart(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    done = subprocess.run(command("bug"), env=environment(kept), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == ["out first", "child third"]
    assert done.stderr.splitlines()[:2] == ["err second", "child fourth"]
    assert done.stderr.rstrip().endswith("ValueError: a bug of ours")
    assert "ValueError: a bug of ours" in kept.read_text()


def test_a_store_that_is_away_changes_no_exit_code(tmp_path: Path) -> None:
    done = subprocess.run(
        command("well"), env=environment(tmp_path / "no" / "folder"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "warning: what this run said could not be kept" in done.stderr


def test_without_a_run_nothing_is_kept(tmp_path: Path) -> None:
    surroundings = environment(tmp_path / "kept.txt")
    del surroundings["MLFLOW_RUN_ID"]
    assert subprocess.run(command("well"), env=surroundings, capture_output=True, check=False).returncode == 0
    assert not (tmp_path / "kept.txt").exists()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_in_a_terminal_the_bar_is_drawn_and_the_size_is_known(tmp_path: Path) -> None:
    import fcntl
    import struct
    import termios

    kept = tmp_path / "kept.txt"
    terminal, inside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    process = subprocess.Popen(command("mistake"), env=environment(kept), stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end and (process.poll() is None or select.select([terminal], [], [], 0)[0]):
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:  # nobody holds the other end any more
                break
    os.close(terminal)
    assert process.wait(timeout=60) == 1
    text = shown.decode()
    assert text.count("\rbar:") > 5
    assert "bar: 100%" in text
    assert "terminal True os.terminal_size(columns=77, lines=33)" in text
    assert "\r\r\n" not in text
    lines = kept.read_text().splitlines()
    assert lines[:5] == ["a-run", "out first", "err second", "child third", "child fourth"]
    assert lines[5].startswith("bar: 100%")
    assert sum(line.startswith("bar:") for line in lines) == 1
    assert lines[-2:] == ["https://…@host", "error: the last word"]
