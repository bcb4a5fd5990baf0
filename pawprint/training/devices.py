"""The processor and GPU of this machine: what TensorFlow uses of them, and how fast they are."""

import os
import time
from pathlib import Path

from pawprint.base.machine import read_cpuinfo

BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of processors with bfloat16 instructions; on others bfloat16 is slower than float32."""
PRODUCT_SIDE = 2048
"""Rows and columns of the matrices that are multiplied to measure speed."""
PRODUCTS = 8
"""Multiplications that are timed; the fastest counts."""


def unused_gpu(device: Path = Path("/dev/nvidia0")) -> str | None:
    """Return a warning if the machine has an NVIDIA GPU that TensorFlow does not use.

    requirements.txt pins TensorFlow's CPU build, so a GPU is idle unless the user installs the GPU build.

    Args:
        device: device file of the first GPU.

    Returns:
        A line, or None if there is no GPU or TensorFlow uses it.
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
    """Return whether bfloat16 trains faster here: with oneDNN on a `BFLOAT16` processor. GPUs are not measured."""
    import tensorflow as tf

    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or tf.config.list_physical_devices("GPU"):
        return False
    return not BFLOAT16.isdisjoint(read_cpuinfo("flags").split())


def matrix_product_rate() -> float:
    """Return the highest speed measured on this machine, in float32 operations per second.

    It is the reference for the speed of a training: no network reaches the processor's theoretical peak, and none is
    faster than a product of two large matrices. The measurement takes about half a second on two cores.
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
