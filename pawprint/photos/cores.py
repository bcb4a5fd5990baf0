"""How many cores there are to work with."""

import os


def count_cores() -> int:
    """Count the cores this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
