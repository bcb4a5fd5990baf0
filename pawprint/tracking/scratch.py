"""One temporary folder for all that a process puts aside, named after it: what a killed one left, the next one clears.

Python's `tempfile` makes its files in it, for this project's code, for MLflow and for every other library. The name
says which process it belongs to, as `pawprint.tracking.processes` tells processes.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from pawprint.tracking.processes import describe_process, find_start

_NAME = re.compile(r"pawprint-(?P<machine>[0-9a-f]{6})-(?P<space>[0-9a-f]{6})-(?P<pid>\d+)-(?P<started>[\d.]+)-\w+")


@contextmanager
def use_scratch() -> Iterator[None]:
    """Have `tempfile` work in a folder of this process's own, which is removed at the end; clear what killed ones left.

    Where no folder can be made, a full disk say, all is as without: whoever needs one will say so.
    """
    previous = tempfile.tempdir
    with ExitStack() as stack:
        with suppress(OSError):
            tempfile.tempdir = str(stack.enter_context(make_scratch(Path(tempfile.gettempdir()))))
        try:
            yield
        finally:
            tempfile.tempdir = previous


@contextmanager
def make_scratch(root: Path) -> Iterator[Path]:
    """Yield a folder of this process's own, which is removed at the end; clear what killed ones left beside it.

    Args:
        root: the folder that it is made in.
    """
    clear_scratch(root)
    machine, space = _name_place()
    prefix = f"pawprint-{machine}-{space}-{os.getpid()}-{find_start(os.getpid())}-"
    folder = tempfile.mkdtemp(prefix=prefix, dir=root)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_scratch(root: Path) -> None:
    """Remove the folders in a temporary folder that belong to processes which are certainly gone."""
    with suppress(OSError):  # not to be listed
        for path in root.glob("pawprint-*"):
            named = _NAME.fullmatch(path.name)
            with suppress(OSError):  # another process clears it, too
                if named and _is_gone(path, **named.groupdict()):
                    shutil.rmtree(path, ignore_errors=True)


def _is_gone(path: Path, *, machine: str, space: str, pid: str, started: str) -> bool:
    here, now = _name_place()
    if machine != here:
        return False
    if space == now:
        return find_start(int(pid)) != started
    # Of another container, or from before this machine was started anew, which no process survives.
    return bool(path.stat().st_mtime < psutil.boot_time())


def _name_place() -> tuple[str, str]:
    """Return what tells this machine from others, and what tells where, and since when, processes are counted on it."""
    tags = describe_process()
    named = (f"{tags['host']} {tags['machine']}", f"{tags['boot']} {tags['pid_namespace']}")
    machine, space = (hashlib.sha256(name.encode()).hexdigest()[:6] for name in named)
    return machine, space
