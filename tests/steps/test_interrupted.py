"""A step that is interrupted says so in a line, and how to go on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEP = """
import os, signal
import click
from pawprint.console.console import run_command

# A shell that starts tests in the background has them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

@click.command()
def step():
    os.kill(os.getpid(), signal.{signal})
    signal.pause()

run_command(step)
"""


@pytest.mark.parametrize(("signal", "word", "code"), [("SIGINT", "interrupted", 130), ("SIGTERM", "terminated", 143)])
def test_an_interrupted_step_ends_in_a_line(signal: str, word: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP.replace("{signal}", signal)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: {word}; the same command again")
    assert "Traceback" not in done.stderr
