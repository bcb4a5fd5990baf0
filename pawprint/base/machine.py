"""The processor: the number of usable cores, and its description."""

import os
from pathlib import Path


def count_cores() -> int:
    """Return the number of cores this process may use; in a container these are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_cpuinfo(key: str) -> str:
    """Return a field of /proc/cpuinfo for the first core, such as `model name` or `flags`; "" on other systems."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return ""
