import time

import numpy as np
import pytest
import tensorflow as tf

from pawprint.training import devices
from pawprint.training.devices import matrix_product_rate, multiplies_bfloat16, unused_gpu


def test_no_gpu_says_nothing(tmp_path):
    assert unused_gpu(tmp_path / "nvidia0") is None


def test_a_gpu_that_tensorflow_does_not_use_is_said(tmp_path, monkeypatch):
    device = tmp_path / "nvidia0"
    device.touch()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])  # noqa: ARG005
    assert "computes on the CPU" in unused_gpu(device)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert unused_gpu(device) is None


@pytest.mark.parametrize(
    ("flags", "gpus", "onednn", "does"),
    [
        ("avx2 avx512_bf16", [], "1", True),
        ("amx_bf16", [], "1", True),
        ("avx2 avx512f", [], "1", False),
        ("amx_bf16", ["one"], "1", False),
        ("amx_bf16", [], "0", False),
    ],
)
def test_bfloat16_only_where_the_processor_multiplies_it(monkeypatch, flags, gpus, onednn, does):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    monkeypatch.setattr(devices, "read_cpuinfo", {"flags": flags}.get)
    monkeypatch.setattr(tf.config, "list_physical_devices", {"GPU": gpus}.get)
    assert multiplies_bfloat16() is does


def test_the_yardstick_is_what_a_plain_product_reaches():
    matrix = np.ones((1024, 1024), np.float32)
    matrix @ matrix
    started = time.perf_counter()
    matrix @ matrix
    by_numpy = 2 * 1024**3 / (time.perf_counter() - started)
    # The same to an order of magnitude: other work may go on beside either.
    assert by_numpy / 20 < matrix_product_rate() < by_numpy * 20
