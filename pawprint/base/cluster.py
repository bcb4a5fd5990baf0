"""Run a function over slices on a Ray cluster: in order, a limited number ahead, again where a worker or its node dies.

Ray is an extra: requirements-ray.txt, on top of requirements.txt.
"""

import importlib.metadata
import importlib.util
import logging
import os
import platform
import signal
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pawprint.base.errors import UserError
from pawprint.base.files import PROJECT
from pawprint.base.machine import count_cores

NONE, AUTO = "none", "auto"
RETRIES = 5
"""Times that a slice is tried again after its worker or node died; each slice of a file that kills workers ends so."""
AHEAD = 4
"""Slices for each core that are worked on, wait for a core, or wait for the results of earlier ones."""
LIBRARIES = ("numpy", "pillow", "pi-heif-decoder", "tensorflow", "tensorflow-cpu", "keras")
"""Packages that results depend on: workers must have the versions that this process has."""

_Slice = TypeVar("_Slice")
_Result = TypeVar("_Result")


class Workers(Protocol):
    """Processes, on this machine or others, that a function is sent to."""

    def map(self, function: Callable[[_Slice], _Result], slices: Iterable[_Slice], /) -> Iterator[_Result]:
        """Yield the function's result for each slice, in order.

        The function is pickled and arrives once in each process; what it keeps there (a network) serves later slices.
        """


def check_cluster(where: str) -> None:
    """Check that Ray is installed if it is needed, without importing it.

    Raises:
        UserError: it is not; the message has the command that installs it.
    """
    if where != NONE and importlib.util.find_spec("ray") is None:
        raise UserError(
            f"cluster={where} needs Ray, which this environment does not have; install it on top of requirements.txt, "
            "`pip install --require-hashes -r requirements-ray.txt`, and run with --env-manager local, "
            "or say cluster=none"
        )


@contextmanager
def open_cluster(where: str) -> Iterator[Workers | None]:
    """Connect to a cluster for the block, and yield its workers; None for `none`.

    Args:
        where: `none`; the address of a cluster's head, `<host>:<port>`; or `auto`: the address in RAY_ADDRESS, else the
            cluster that runs on this machine, else one that is started for the block, on this machine alone.

    Raises:
        UserError: Ray is not installed, or no cluster answers at the address.
    """
    if where == NONE:
        yield None
        return
    check_cluster(where)
    workers = _connect(find_address() if where == AUTO else where)
    try:
        yield workers
    finally:
        import ray

        ray.shutdown()


def find_address() -> str | None:
    """Return the address of the cluster that `auto` means; None if one is to be started."""
    if given := os.environ.get("RAY_ADDRESS"):
        return given
    # `ray start` writes it, and `ray stop` removes it; a cluster that was killed leaves it behind.
    written = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "ray", "ray_current_cluster")
    address = written.read_text("utf-8").strip() if written.is_file() else ""
    return address if address and _answers(address) else None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def _connect(address: str | None) -> "_RayWorkers":
    if address and not _answers(address):
        raise UserError(
            f"no Ray cluster answers at {address}; expected <host>:<port> of its head, auto, or none "
            "(the environment variable RAY_ADDRESS is what auto takes first)"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        # The workers run this very code, whatever their machines have.
        options["runtime_env"] = {"py_modules": [str(PROJECT / "pawprint")]}
    else:
        # Read when Ray is imported: a cluster of one machine listens on 127.0.0.1 alone.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        options |= {"num_cpus": count_cores(), "include_dashboard": False}
    terminate = signal.getsignal(signal.SIGTERM)
    import ray

    try:
        ray.init(address or "local", **options)
    except Exception as error:  # Ray raises whatever goes wrong in its processes
        raise UserError(f"Ray could not be {'reached at ' + address if address else 'started'}: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, terminate)  # Ray's own handler would end this process as if it had failed
    return _RayWorkers()


class _RayWorkers:
    """The cores of the cluster that this process is connected to."""

    def map(self, function: Callable[[_Slice], _Result], slices: Iterable[_Slice], /) -> Iterator[_Result]:
        """Yield the function's results (see `Workers`).

        Raises:
            UserError: the function raised it, workers have other libraries, or a slice has ended too many workers.
        """
        import ray

        resources: Callable[[], dict[str, float]] = ray.cluster_resources
        work = ray.remote(num_cpus=1, max_retries=RETRIES)(_work)
        # In a list, Ray hands the reference on and does not unpack the function anew for each slice.
        sent = [ray.put((function, _name_libraries()))]
        remaining = iter(slices)
        waiting: deque[Any] = deque()
        while True:
            # Nodes come and go while it runs.
            most = AHEAD * max(1, int(resources().get("CPU", 0)))
            waiting.extend(work.remote(sent, each) for each in islice(remaining, max(0, most - len(waiting))))
            if not waiting:
                return
            yield _get(waiting.popleft())


def _get(answer: Any) -> Any:
    import ray

    try:
        return ray.get(answer)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise UserError(
            f"a part of the work ended its worker {RETRIES + 1} times, or the cluster is gone; Ray's logs on the nodes "
            f"say more ({type(error).__name__}: {error})"
        ) from error


def _work(sent: list[Any], each: Any) -> Any:
    return _receive(sent[0])(each)


@lru_cache(maxsize=1)
def _receive(reference: Any) -> Callable[[Any], Any]:
    import ray

    function, libraries = ray.get(reference)
    here = _name_libraries()
    if here != libraries:
        raise UserError(
            f"the worker on {platform.node()} has {here}, and this process has {libraries}: results could differ; "
            "give all nodes an environment of the same lock"
        )
    return function  # type: ignore[no-any-return]


def _name_libraries() -> str:
    versions = {each.name.lower(): each.version for each in importlib.metadata.distributions() if each.name}
    return ", ".join(f"{name} {versions[name]}" for name in LIBRARIES if name in versions)
