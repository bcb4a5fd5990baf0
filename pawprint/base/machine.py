"""The processor: how many of its cores there are to work with, and what it says of itself."""

import os
from pathlib import Path


def count_cores() -> int:
    """Count the cores this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_cpuinfo(key: str) -> str:
    """Return what Linux says of the first core, such as its `model name` or its `flags`; nothing on other systems."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return ""
