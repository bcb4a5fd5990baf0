"""What this machine computes with."""

import os
import time
from pathlib import Path

from pawprint.base.machine import read_cpuinfo

BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of processors that multiply bfloat16; others would take longer with it than with float32."""
PRODUCT_SIDE = 2048
PRODUCTS = 8


def unused_gpu(device: Path = Path("/dev/nvidia0")) -> str | None:
    """Say so when the machine has an NVIDIA GPU that TensorFlow does not use.

    The lock holds TensorFlow's CPU build, so a GPU stays idle unless the user installs the other one.

    Args:
        device: where the driver shows the first GPU.

    Returns:
        A line for a warning, or None when there is no GPU or it is in use.
    """
    if not device.exists():
        return None
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    return (
        f"a GPU is visible ({device}) but TensorFlow {tf.__version__} computes on the CPU; "
        "docs/installation.md says how to train on a GPU"
    )


def multiplies_bfloat16() -> bool:
    """Whether training in bfloat16 is faster here: by oneDNN's kernels on such a processor. GPUs were not measured."""
    import tensorflow as tf

    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or tf.config.list_physical_devices("GPU"):
        return False
    return not BFLOAT16.isdisjoint(read_cpuinfo("flags").split())


def matrix_product_rate() -> float:
    """Measure what this machine can do at best, in float32 operations per second: the fastest of a few products.

    A yardstick for trainings: no network comes near the machine's figures on paper, and none beats a plain product
    of two large matrices. Takes about half a second on two cores.
    """
    import tensorflow as tf

    matrix = tf.ones((PRODUCT_SIDE, PRODUCT_SIDE))
    product = tf.function(lambda one: tf.reduce_sum(tf.matmul(one, one)))
    product(matrix).numpy()
    fastest = float("inf")
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        product(matrix).numpy()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * PRODUCT_SIDE**3 / fastest
