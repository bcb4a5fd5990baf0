"""A training that was killed goes on from its last whole epoch, to the same last digit."""

import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from functools import partial

import filelock
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Stage
from pawprint.training import checkpoints as checkpoints_module
from pawprint.training.checkpoint_file import (
    Checkpoint,
    DamagedCheckpointError,
    pack,
    read_checkpoint,
    unpack,
    write_checkpoint,
)
from pawprint.training.checkpoints import Checkpoints
from pawprint.training.features import FeatureStore
from pawprint.training.head import train_head
from pawprint.training.loop import train_network

KEY, OTHER = "a" * 64, "b" * 64
SHAPES = {"learner": [(2, 3), ()], "best": [(2,)]}


class KilledError(Exception):
    pass


def checkpoint(epochs=2):
    return Checkpoint(
        history=[{"epoch": epoch, "train_loss": 1 / epoch / 3} for epoch in range(1, epochs + 1)],
        timestamps_ms=[1_700_000_000_000 + epoch for epoch in range(epochs)],
        best_epoch=1,
        arrays={
            "learner": [np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.array(3, np.uint32)],
            "best": [np.ones(2)],
        },
    )


def assert_equal(one, two):
    assert dataclasses.replace(one, arrays={}) == dataclasses.replace(two, arrays={})
    assert list(one.arrays) == list(two.arrays)
    for name, group in one.arrays.items():
        for a, b in zip(group, two.arrays[name], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(checkpoint(), tmp_path / "one.checkpoint")
    assert_equal(read_checkpoint(tmp_path / "one.checkpoint"), checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["one.checkpoint"]


PACKED = pack(checkpoint())


@given(position=st.integers(0, len(PACKED) - 1), flipped=st.integers(1, 255))
def test_any_changed_byte_is_noticed(position, flipped):
    data = bytearray(PACKED)
    data[position] ^= flipped
    with pytest.raises(DamagedCheckpointError):
        unpack(bytes(data))


@given(length=st.integers(0, len(PACKED) - 1))
def test_a_file_cut_short_is_noticed(length):
    with pytest.raises(DamagedCheckpointError):
        unpack(PACKED[:length])


def test_an_array_s_header_that_is_no_python_is_damage_though_its_digest_is_right():
    """Found by fuzzing: numpy reads the header with Python's tokenizer, which stops at a bracket left open."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        header = b"{'descr': '|u1', 'shape': (3,), ".ljust(117) + b"\n"
        archive.writestr("facts.npy", np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header + b"abc")
    digest = hashlib.sha256(content.getvalue()).hexdigest().encode()
    magic = PACKED.partition(b"\n")[0]
    with pytest.raises(DamagedCheckpointError, match="TokenError"):
        unpack(b"\n".join([magic, digest, content.getvalue()]))


def test_what_needs_unpickling_is_refused_though_its_digest_is_right(monkeypatch):
    # `pack` refuses objects too, so that no checkpoint is written which can't be read.
    bad = dataclasses.replace(checkpoint(), arrays={"learner": [np.array([{}])]})
    with pytest.raises(ValueError, match="pickle"):
        pack(bad)
    savez = np.savez

    def careless(file, *, allow_pickle, **arrays):
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", careless)
    with pytest.raises(DamagedCheckpointError, match="allow_pickle"):
        unpack(pack(bad))


def opened(folder, key=KEY, **how):
    checkpoints = Checkpoints()
    checkpoints.open(folder, key, **how)
    return checkpoints


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


def without_times(history):
    return json.dumps([{name: value for name, value in entry.items() if name != "seconds"} for entry in history])


@pytest.fixture
def trainings(small_cnn, make_split, monkeypatch, tmp_path):
    """By name, a training as a function of what it is told each epoch and its checkpoints."""
    quick = dataclasses.replace(small_cnn, stages=(Stage(0.0, 1.0, 1),))
    common = {
        "class_names": ["a", "b"],
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.005,
        "patience": 3,
        "seed": 0,
        "image_size": 32,
        "train": make_split(28, side=32),
        "validation": make_split(10, side=32, seed=1),
    }

    def tiny(*, num_classes, image_size):
        pixels = keras.Input((None, None, 3))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 128)(pixels)))
        return keras.Model(pixels, keras.layers.Dense(num_classes)(x))

    def head(**changes):
        monkeypatch.setattr("pawprint.models.efficientnet_lite0.build", tiny)
        features = FeatureStore(tmp_path / "features", "d1")
        return train_head(architecture="efficientnet_lite0", features=features, **common | changes)

    return {
        "cnn": lambda **changes: train_network(architecture="cnn", recipe=quick, **common | changes),
        "baseline": lambda **changes: train_network(
            architecture="baseline", recipe=recipe_for("baseline"), **common | changes
        ),
        "head": head,
    }


def train_and_resume(train, folder, *, after):
    """Train whole and, from what a kill after an epoch (None: the last) would have left, once more; return both."""
    told, told_again = [], []

    def on_epoch(epoch, _, *, timestamp_ms):
        told.append((epoch, timestamp_ms))
        if after in {epoch, None}:
            shutil.rmtree(folder / "killed", ignore_errors=True)
            shutil.copytree(folder / "whole" / KEY, folder / "killed" / KEY)

    with opened(folder / "whole") as checkpoints:
        whole = train(on_epoch=on_epoch, checkpoints=checkpoints)
    with opened(folder / "killed") as checkpoints:
        resumed = train(
            on_epoch=lambda epoch, _, *, timestamp_ms: told_again.append((epoch, timestamp_ms)),
            checkpoints=checkpoints,
        )
    assert told_again[:after] == told[:after]
    assert [epoch for epoch, _ in told_again] == [epoch for epoch, _ in told]
    return whole, resumed


@pytest.mark.parametrize("name", ["cnn", "baseline", "head"])
def test_a_resumed_training_is_the_uninterrupted_one(trainings, tmp_path, name):
    """With Muon and the average of the weights (cnn), with dropout (all but head), after each epoch of a frozen one."""
    whole, resumed = train_and_resume(trainings[name], tmp_path, after=2)
    assert len(whole.history) == 4
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.best_epoch == whole.best_epoch
    for one, two in zip(resumed.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_training_that_had_ended_early_learns_nothing_more(trainings, tmp_path):
    train = partial(trainings["cnn"], patience=1, learning_rate=0.5)
    whole, resumed = train_and_resume(train, tmp_path, after=None)
    assert len(whole.history) < 4
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.images_per_second is None
