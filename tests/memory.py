"""The most memory that this process has held, whatever the process that started it held."""

import re
from pathlib import Path


def peak_megabytes() -> float:
    """Return the peak of resident memory in MB since this program was started.

    Not `getrusage`: Linux hands its figure on from the process that starts another, so a large test runner would show.
    """
    return int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))[0]) / 1024
