"""A small checkpoint, how two are compared, and a folder of them."""

import dataclasses

import numpy as np

from pawprint.training.checkpoint_file import Checkpoint
from pawprint.training.checkpoints import Checkpoints

KEY = "a" * 64


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


def opened(folder, key=KEY, **how):
    checkpoints = Checkpoints()
    checkpoints.open(folder, key, **how)
    return checkpoints
