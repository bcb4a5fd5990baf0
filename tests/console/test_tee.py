"""The console is kept, and a person sees what they saw without it: bars, order, exit code."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pawprint.console.tee import read_console, tee_console

ROOT = Path(__file__).parents[2]

# What main does: it writes itself, and starts a step that does and draws a bar if stderr is a terminal; and it fails.
STEP = """
import contextlib, os, subprocess, sys, time, types
import click
from pawprint.base.errors import UserError
from pawprint.console.console import run_command

# MLflow, which takes seconds to import, is not what is tested.
sys.modules["pawprint.tracking"] = types.SimpleNamespace()
sys.modules["pawprint.tracking.errors"] = types.SimpleNamespace(explain_store=lambda error: None)
sys.modules["pawprint.tracking.scratch"] = types.SimpleNamespace(use_scratch=contextlib.nullcontext)
sys.modules["pawprint.tracking.runs"] = types.SimpleNamespace(
    log_console=lambda run_id, text: open(os.environ["KEPT"], "w").write(f"{run_id}\\n{text}"),
    tag_refusal=lambda reason: 1 / 0,  # as little as any other failing store may it keep the mistake from being heard
)

CHILD = '''
import os, sys, time
import click
from tqdm import tqdm
from pawprint.console.console import run_command

@click.command()
def child():
    click.echo("child third")
    sys.stdout.flush()
    click.echo("child fourth", err=True)
    for _ in tqdm(range(20), disable=None, desc="bar"):
        time.sleep(0.02)
    for _ in tqdm(range(20), disable=None, desc="gone", leave=False):
        time.sleep(0.02)
    print("terminal", sys.stdout.isatty(), sys.stdout.isatty() and os.get_terminal_size())

run_command(child)
'''

@click.command()
@click.option("--how", required=True)
def step(how):
    click.echo("out first")
    sys.stdout.flush()
    click.echo("err second", err=True)
    sys.stderr.flush()
    subprocess.run([sys.executable, "-c", CHILD], check=True)
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


def test_a_reader_that_goes_away_ends_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    process = subprocess.Popen(command("well"), env=environment(kept), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    lines = kept.read_text().splitlines()
    assert lines[1:5] == ["out first", "err second", "child third", "child fourth"]
    assert lines[-1] == "https://…@host"


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    subprocess.run(
        command("bug"), env=environment(tmp_path / "kept", TMPDIR=str(scratch)), capture_output=True, check=False
    )
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\r\ntwo", "one\ntwo\n"),
        (" 10 %\r 50 %\r100 %\n", "100 %\n"),
        ("a long bar\r          \rdone\n", "done\n"),
        ("\x1b[1;31mred\x1b[0m text\n", "red text\n"),
        ("\x1b]0;a title\x07text\n", "text\n"),
        ("first\n\x1b[A\x1b[Afirst again\nx\n", "first\nx\n"),
        ("bell\x07 \x00null\n", "bell null\n"),
        ("a bar\r     \r", ""),
        ("", ""),
    ],
)
def test_a_redrawn_line_is_what_it_was_last(tmp_path: Path, written: str, text: str) -> None:
    for pieces in ([written], list(written)):
        kept = tmp_path / f"{len(pieces)}.txt"
        kept.write_text("")
        with tee_console(kept):
            for piece in pieces:
                sys.stderr.write(piece)
        assert read_console(kept) == text


def test_a_long_log_loses_its_middle_and_says_how_much(tmp_path: Path) -> None:
    lines = [f"line {number:05}" for number in range(10_000)]
    (tmp_path / "kept.txt").write_text("".join(f"{line}\n" for line in lines))
    text = read_console(tmp_path / "kept.txt", limit=10_000)
    kept = text.splitlines()
    assert 9_000 < len(text) < 12_000
    assert kept[:2] == lines[:2]
    assert kept[-2:] == lines[-2:]
    said = [line for line in kept if "left out" in line]
    assert said == [f"[{(len(lines) - len(kept) + 1) * 11} characters are left out here]"]


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
    end = time.monotonic() + 240
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
    assert not [line for line in lines if "gone" in line]
    assert lines[-2:] == ["https://…@host", "error: the last word"]
