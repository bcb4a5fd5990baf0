"""Identify the process of a run, find out whether it still exists, and end a step when its starter ends."""

import hashlib
import os
import platform
import signal
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from pawprint.base.handover import take_handed_on

_POLL_SECONDS = 1.0
"""Seconds between two checks of the starter."""


def describe_process() -> dict[str, object]:
    """Return values that identify this process, among all machines and over time."""
    return {
        "host": platform.node(),
        "machine": _machine(),
        "boot": _boot(),
        "pid_namespace": _pid_namespace(),
        "pid": os.getpid(),
        "process_started": find_start(os.getpid()),
    }


def describe_end(tags: Mapping[str, str], *, started_ms: int) -> str | None:
    """Return why a process no longer exists, or None if it exists or this is not certain.

    It is never certain for a process on another machine, even one of the same name, or in another container.

    Args:
        tags: what `describe_process` returned in the process, as strings.
        started_ms: start of the run, in milliseconds since 1970.
    """
    here = {name: str(value) for name, value in describe_process().items() if value is not None}
    if not tags.get("pid", "").isdigit() or any(tags.get(name) != here.get(name) for name in ("host", "machine")):
        return None
    if tags.get("boot") != here.get("boot"):
        # If the run started after the boot of this machine, another machine of the same name may have started it.
        before = started_ms < psutil.boot_time() * 1000
        return f"{here['host']} was started anew since" if before and tags.get("boot") and here.get("boot") else None
    if tags.get("pid_namespace") != here.get("pid_namespace"):
        return None
    started = find_start(int(tags["pid"]))
    if started is None:
        return f"there is no process {tags['pid']} on {here['host']} any more"
    if tags.get("process_started") and started != tags["process_started"]:
        return f"process {tags['pid']} on {here['host']} is another one now"
    return None


def find_start(pid: int) -> str | None:
    """Return the start of a process, which tells it from a later one with the same id, or None if it does not exist.

    On Linux it is in ticks since boot, which do not depend on the clock; elsewhere it is a time.
    """
    try:
        # After the name, which may contain any character, comes the state, and 19 fields later the start (proc(5)).
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if state in {"Z", "X"} else fields[18]
    except (OSError, ValueError):
        pass  # no such process, or not Linux
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


@contextmanager
def end_with_starter() -> Iterator[None]:
    """Send SIGTERM to this process when its starter, the process handed on as `starter`, has ended in any way.

    A killed process cannot end the processes that it started, and there may be a shell between the two.
    """
    pid, _, started = (take_handed_on("starter") or "").partition(":")
    if not pid:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while find_start(int(pid)) == started:
            if done.wait(_POLL_SECONDS):
                return
        if not done.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end-with-starter", daemon=True).start()
    try:
        yield
    finally:
        done.set()


def name_this_process() -> str:
    """Return the id of this process that it hands on as `starter`."""
    return f"{os.getpid()}:{find_start(os.getpid())}"


def _boot() -> str | None:
    """Return an id that changes at each boot, or None if the system has none."""
    return _read(Path("/proc/sys/kernel/random/boot_id"))


def _pid_namespace() -> str | None:
    """Return the namespace of the process ids, which differs between containers, or None if there is none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _machine() -> str:
    """Return an id that tells machines of the same name apart, hashed because machine-id(5) is confidential."""
    name = _read(Path("/etc/machine-id")) or f"{uuid.getnode():x}"
    return hashlib.sha256(f"pawprint {name}".encode()).hexdigest()[:12]


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() or None
    except OSError:
        return None
