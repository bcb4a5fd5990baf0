"""What this machine computes with."""

from pathlib import Path


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
        "the README says how to train on a GPU"
    )
