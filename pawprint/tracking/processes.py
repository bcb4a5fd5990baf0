"""Which process a run belongs to, whether it is still there, and a step that ends with the process that started it."""

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


def describe_process() -> dict[str, object]:
    """Return what tells this process from any other, on this machine or another, now or later."""
    return {
        "host": platform.node(),
        "machine": _machine(),
        "boot": _boot(),
        "pid_namespace": _pid_namespace(),
        "pid": os.getpid(),
        "process_started": find_start(os.getpid()),
    }


def describe_end(tags: Mapping[str, str], *, started_ms: int) -> str | None:
    """Say why the process that `describe_process` described is gone, or None where it is not, or cannot be told.

    Only what is certain counts: of a process on another machine, one that only has this one's name included, or in
    another container nothing can be told.

    Args:
        tags: what it returned, as strings.
        started_ms: when the run was started, in milliseconds since 1970.
    """
    here = {name: str(value) for name, value in describe_process().items() if value is not None}
    if not tags.get("pid", "").isdigit() or any(tags.get(name) != here.get(name) for name in ("host", "machine")):
        return None
    if tags.get("boot") != here.get("boot"):
        # A machine of the same name that has not gone down may have started it after this one came up.
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
    """Return what tells a process from a later one of the same number, or None where there is none.

    On Linux that is its start in ticks since boot, which setting the clock does not change; else the time.
    """
    try:
        # After the name, which may hold anything: the state, and 19 fields on, the start (proc(5)).
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
    """End this process as by SIGTERM when the one that handed itself on as `starter` has ended, however that happened.

    A process that is killed cannot end those it has started, and a shell may stand between the two.
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
    """Return what this process hands on as `starter`."""
    return f"{os.getpid()}:{find_start(os.getpid())}"


def _boot() -> str | None:
    """Return what is new each time that the machine starts; None where only a clock, which may be set, could tell."""
    return _read(Path("/proc/sys/kernel/random/boot_id"))


def _pid_namespace() -> str | None:
    """Return within which container process numbers are counted; None where there is no such thing."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _machine() -> str:
    """Return what tells machines of the same name apart, hashed: machine-id(5) asks not to show it."""
    name = _read(Path("/etc/machine-id")) or f"{uuid.getnode():x}"
    return hashlib.sha256(f"pawprint {name}".encode()).hexdigest()[:12]


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() or None
    except OSError:
        return None
