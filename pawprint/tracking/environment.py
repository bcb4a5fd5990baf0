"""Describe what a result may depend on besides parameters and photos: machine, libraries, uncommitted changes."""

import hashlib
import importlib.metadata
import platform
from pathlib import Path

from pawprint.base.machine import count_cores, read_cpuinfo
from pawprint.tracking.processes import describe_process
from pawprint.tracking.uncommitted import is_dirty

LOCK = Path("requirements.txt")
LIBRARIES = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pillow", "scikit-learn", "mlflow")
"""Packages whose versions a result may depend on; with `--env-manager local` they may differ from the lock."""
INSTRUCTION_SETS = (
    *("sse4_2", "avx", "avx2", "fma", "avx_vnni"),
    *("avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
)
"""CPU flags by which oneDNN chooses its kernels; other kernels add in another order."""


def describe_environment() -> dict[str, object]:
    """Return the environment of a run, for the tag `environment`."""
    return {
        **describe_process(),
        "cpu": name_cpu(),
        "threads": count_cores(),
        "python": platform.python_version(),
        "libraries": name_libraries(),
        "lock_sha256": digest_lock(),
        "git_dirty": is_dirty(),
    }


def digest_lock() -> str | None:
    """Return the sha256 of requirements.txt, or None if it does not exist."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest() if LOCK.is_file() else None


def name_libraries() -> str:
    """Return the installed versions of `LIBRARIES`, as `keras 3.15.0, numpy 2.4.6`."""
    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(versions)


def name_cpu() -> str:
    """Return the processor's name."""
    return read_cpuinfo("model name") or platform.processor() or platform.machine()


def name_instruction_set() -> str:
    """Return the architecture and the `INSTRUCTION_SETS` of the processor."""
    flags = set(read_cpuinfo("flags").split())
    return " ".join([platform.machine(), *(name for name in INSTRUCTION_SETS if name in flags)])
