"""Temporary folders that are named after their process, so that folders of killed processes can be deleted.

Python's `tempfile` creates its files in the folder of the process, for this project, MLflow and all other libraries.
`pawprint.tracking.processes` identifies the processes.
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
    """Give this process its own temporary folder, removed on exit, and delete those of dead processes.

    If the folder cannot be created, for example on a full disk, `tempfile` is left unchanged.
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
    """Yield a new folder of this process, removed on exit, and delete those of dead processes beside it.

    Args:
        root: the parent folder.
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
    """Delete the folders in a temporary folder whose processes certainly no longer exist."""
    with suppress(OSError):  # the folder cannot be listed
        for path in root.glob("pawprint-*"):
            named = _NAME.fullmatch(path.name)
            with suppress(OSError):  # another process deletes it too
                if named and _is_gone(path, **named.groupdict()):
                    shutil.rmtree(path, ignore_errors=True)


def _is_gone(path: Path, *, machine: str, space: str, pid: str, started: str) -> bool:
    here, now = _name_place()
    if machine != here:
        return False
    if space == now:
        return find_start(int(pid)) != started
    # From another container or an earlier boot; no process from before the last boot exists.
    return bool(path.stat().st_mtime < psutil.boot_time())


def _name_place() -> tuple[str, str]:
    """Return short hashes of this machine, and of its last boot and the container."""
    tags = describe_process()
    named = (f"{tags['host']} {tags['machine']}", f"{tags['boot']} {tags['pid_namespace']}")
    machine, space = (hashlib.sha256(name.encode()).hexdigest()[:6] for name in named)
    return machine, space
