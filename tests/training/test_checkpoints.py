"""The folder of a training's checkpoints: which are kept, which are used, and who holds it."""

import dataclasses
import os
import re
import subprocess
import sys
import time

import filelock
import numpy as np
import pytest

from pawprint.training import checkpoints as checkpoints_module
from pawprint.training.checkpoint_file import (
    pack,
    write_checkpoint,
)
from tests.training.checkpoint_examples import KEY, KilledError, assert_equal, checkpoint, opened

OTHER = "b" * 64
SHAPES = {"learner": [(2, 3), ()], "best": [(2,)]}


def close(checkpoints):
    """End as by an error, which leaves the checkpoints where they are."""
    checkpoints.__exit__(KilledError, KilledError(), None)


def test_one_of_another_network_is_said_and_the_one_before_is_used(tmp_path, caplog):
    checkpoints = opened(tmp_path)
    for epochs in (1, 2):
        checkpoints.save(checkpoint(epochs))
    swapped = dataclasses.replace(checkpoint(2), arrays={"learner": [np.zeros((3, 3))], "best": [np.ones(2)]})
    write_checkpoint(swapped, tmp_path / KEY / "000002.checkpoint")
    assert_equal(checkpoints.load(SHAPES), checkpoint(1))
    assert "000002.checkpoint is damaged (it is of another network); the one before it is used" in caplog.text
    close(checkpoints)


def test_two_are_kept_and_none_of_a_training_that_is_done(tmp_path):
    with opened(tmp_path) as checkpoints:
        for epochs in range(1, 5):
            checkpoints.save(checkpoint(epochs))
        assert sorted(path.name for path in (tmp_path / KEY).iterdir()) == ["000003.checkpoint", "000004.checkpoint"]
        assert_equal(checkpoints.load(SHAPES), checkpoint(4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_one_is_said_and_the_one_before_is_used(tmp_path, caplog, damage):
    checkpoints = opened(tmp_path)
    for epochs in (1, 2, 3):
        checkpoints.save(checkpoint(epochs))
    newest = tmp_path / KEY / "000003.checkpoint"
    data = bytearray(newest.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    assert_equal(checkpoints.load(SHAPES), checkpoint(2))
    assert re.search(r"000003.checkpoint is damaged \(its sha256", caplog.text)
    checkpoints.save(checkpoint(3))
    assert_equal(checkpoints.load(SHAPES), checkpoint(3))
    close(checkpoints)


def test_a_run_that_starts_anew_discards_what_is_there(tmp_path):
    checkpoints = opened(tmp_path)
    checkpoints.save(checkpoint())
    close(checkpoints)
    assert opened(tmp_path, anew=True).load(SHAPES) is None


def test_without_a_key_nothing_is_kept(tmp_path):
    checkpoints = opened(tmp_path / "checkpoints", key=None)
    checkpoints.save(checkpoint())
    assert checkpoints.load(SHAPES) is None
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("fault", ["no folder", "no locks"])
def test_where_nothing_can_be_kept_it_is_said_and_training_goes_on(tmp_path, monkeypatch, caplog, fault):
    folder = tmp_path / "file" / "checkpoints"
    if fault == "no folder":
        (tmp_path / "file").touch()
    else:
        monkeypatch.setattr(
            "filelock._unix.lock_fd_nonblocking", lambda _: (_ for _ in ()).throw(OSError(38, "no flock"))
        )
    with opened(folder) as checkpoints:
        checkpoints.save(checkpoint())
        assert checkpoints.load(SHAPES) is None
    assert "no checkpoints are kept" in caplog.text


def test_a_full_disk_is_said_once(tmp_path, monkeypatch, caplog):
    def full(_):
        raise OSError(28, "No space left on device")

    checkpoints = opened(tmp_path)
    checkpoints.save(checkpoint(1))
    monkeypatch.setattr(os, "fsync", full)
    for epochs in (2, 3):
        checkpoints.save(checkpoint(epochs))
    assert caplog.text.count("No space left on device") == 1
    assert [path.name for path in (tmp_path / KEY).iterdir()] == ["000001.checkpoint"]
    close(checkpoints)


HOLD = """
import sys, pickle
from pathlib import Path
from pawprint.training.checkpoint_file import unpack
from pawprint.training.checkpoints import Checkpoints
with Checkpoints() as checkpoints:
    checkpoints.open(Path(sys.argv[1]), sys.argv[2])
    checkpoints.save(unpack(sys.stdin.buffer.read()))
    print("held", flush=True)
    import time; time.sleep(1)
"""


def test_a_second_one_waits_and_starts_from_what_the_first_came_to(tmp_path, caplog):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        first.stdin.write(pack(checkpoint(3)))
        first.stdin.close()
        assert first.stdout.readline() == b"held\n"
        second = opened(tmp_path)
    assert first.returncode == 0
    assert "another process trains the same" in caplog.text
    # The first has removed its checkpoints, as it was done.
    assert_equal(second.load(SHAPES), checkpoint(3))
    second.save(checkpoint(4))
    assert_equal(second.load(SHAPES), checkpoint(4))
    close(second)


def test_what_nobody_went_on_with_is_cleared_but_for_what_is_in_use(tmp_path, monkeypatch):
    for key in (KEY, OTHER, "c" * 64):
        checkpoints = opened(tmp_path, key=key)
        checkpoints.save(checkpoint())
        close(checkpoints)
    (tmp_path / "something else").mkdir()
    now = time.time()
    monkeypatch.setattr(checkpoints_module.time, "time", lambda: now + checkpoints_module.MAX_AGE_SECONDS + 60)
    with filelock.FileLock(tmp_path / f"{OTHER}.lock"):
        fresh = opened(tmp_path, key="d" * 64)
        close(fresh)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {OTHER, "d" * 64, "something else"}
