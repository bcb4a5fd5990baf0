"""What main hands on reaches the steps that it starts, and only those it is meant for."""

import subprocess
import sys

import pytest

from pawprint.base.handover import VARIABLE, hand_on, handing_on, read_handed_on, take_handed_on

SAY = "from pawprint.base.handover import read_handed_on as read; print(read('name'), read('console'))"


def say() -> str:
    return subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True).stdout.strip()


def test_a_process_gets_what_was_handed_on_when_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    hand_on(console="console.txt")
    with handing_on(name="train 1", tags={}):
        assert say() == "train 1 console.txt"
    assert say() == "None console.txt"


def test_what_is_taken_is_handed_on_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"name": "train 1"}')
    assert take_handed_on("name") == "train 1"
    assert read_handed_on("name") is None
    assert take_handed_on("name") is None
