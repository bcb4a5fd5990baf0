"""The checkpoints of a training on disk: used by one process at a time, removed when no longer needed."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import filelock

from pawprint.base.files import write_durably
from pawprint.training.checkpoint_file import Checkpoint, DamagedCheckpointError, read_checkpoint, write_checkpoint

logger = logging.getLogger(__name__)
KEPT = 2
"""Checkpoints kept for a training: if the newest is damaged, the one before it is used."""
MAX_AGE_SECONDS = 14 * 24 * 3600
"""Age in seconds after which the checkpoints of a training that nobody resumed are removed."""
OWNER = "owner.json"
"""File that names the run of a training, as long as not all its metrics are delivered."""
_SUFFIX = ".checkpoint"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Owner:
    """The run of a training, the address of the tracking server that gets its metrics, and its machine."""

    run_id: str
    server: str
    machine: str


class Checkpoints:
    """The checkpoints of one training, held from `open` to the end of the `with` block.

    They are all that is stored of a training while it runs: its state, to resume from, and its metrics, for its run.
    If the block ends without an error, everything is logged and the checkpoints are removed. Before `open`, and if the
    folder cannot be used, nothing is stored and the training runs without checkpoints.

    Attributes:
        owner: the run of the training, once it is known.
    """

    def __init__(self, settle: Callable[[Owner, Checkpoint | None], None] | None = None) -> None:
        """Store nothing until `open` is called.

        Args:
            settle: called for each training whose process was killed, with its owner and its newest checkpoint, if
                there is one; it delivers the metrics to the owner.
        """
        self.owner: Owner | None = None
        self._settle = settle
        self._folder: Path | None = None
        self._lock: filelock.BaseFileLock | None = None
        self._lasting = False
        self._seen: Checkpoint | None = None
        self._warned = False

    def __enter__(self) -> Self:
        """Return self; `open` is still to be called."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Remove the checkpoints if they are no longer needed, and release the lock on their folder."""
        if self._lock:
            if self._folder and (kind is None or not (self._lasting or (self._folder / OWNER).exists())):
                _remove(self._folder, self._lock)
            self._lock.release()
        self._folder = self._lock = None

    def open(self, folder: Path, key: str | None, *, anew: bool = False) -> None:
        """Lock the checkpoints of a training for this process; wait while another process uses them.

        Args:
            folder: folder of all checkpoints, created if missing. Checkpoints of other trainings that have not changed
                for `MAX_AGE_SECONDS` are removed from it.
            key: the training's cache key, 64 hexadecimal digits; None stores no checkpoints to resume from.
            anew: discard existing checkpoints.
        """
        self.__exit__(None)  # close what was opened before
        name = key or (self.owner.run_id if self.owner else None)
        if name is None:
            return
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._visit_others(folder, but=name)
            lock = _lock_of(path)
            self._acquire(lock, path)
            self._lock = lock
            self._settle_owner(path)
            if anew:
                self._seen = None
                shutil.rmtree(path, ignore_errors=True)
            path.mkdir(exist_ok=True)
            if self.owner:
                write_durably(json.dumps(asdict(self.owner)).encode(), path / OWNER)
            self._folder, self._lasting = path, key is not None
        except OSError as error:  # a full disk, a file system without locks, no permission
            if key:
                self._warn(f"no checkpoints are kept in {folder}: {error.strerror or error}")

    def disown(self) -> None:
        """Record that all metrics are delivered to the owner, or are stored elsewhere."""
        if self._folder:
            (self._folder / OWNER).unlink(missing_ok=True)

    def load(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Checkpoint | None:
        """Return the newest intact checkpoint that fits this training, or None.

        Args:
            shapes: required shapes of the arrays in each group.
        """
        return (_read_newest(self._folder, shapes) or self._seen) if self._folder else None

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but the newest `KEPT`; if this fails, only warn."""
        if self._folder is None:
            return
        path = self._folder / f"{len(checkpoint.history):06d}{_SUFFIX}"
        try:
            write_checkpoint(checkpoint, path)
            for old in _list(self._folder)[:-KEPT]:
                old.unlink()
        except OSError as error:
            path.with_suffix(".part").unlink(missing_ok=True)
            self._warn(f"the checkpoint {path} cannot be written: {error.strerror or error}")

    def _visit_others(self, folder: Path, *, but: str) -> None:
        """Settle other trainings that were killed, and remove those that nobody resumed for `MAX_AGE_SECONDS`."""
        for lock_file in folder.glob("*.lock"):
            path = lock_file.with_suffix("")
            try:
                parts = [one for one in (path, lock_file, *path.glob("*")) if one.exists()]
                is_old = time.time() - max(one.stat().st_mtime for one in parts) >= MAX_AGE_SECONDS
                if path.name != but and (is_old or self._is_of_this_machine(path)):
                    with _lock_of(path).acquire(blocking=False) as lock:
                        self._settle_owner(path)
                        if is_old or not path.exists():
                            _remove(path, lock)
            except (OSError, ValueError):  # in use (filelock.Timeout is an OSError), no permission, or just removed
                continue

    def _is_of_this_machine(self, path: Path) -> bool:
        """Return whether a folder has an owner on this machine; some disks do not share locks between machines."""
        owner = _read_owner(path)
        return owner is not None and self.owner is not None and owner.machine == self.owner.machine

    def _settle_owner(self, path: Path) -> None:
        """Deliver the metrics that a killed process had not delivered to its owner; the folder's lock is held."""
        owner = _read_owner(path)
        if owner and self._settle:
            self._settle(owner, _read_newest(path, {}))
            (path / OWNER).unlink()
            if path.name == owner.run_id:  # stored without a key, so nobody can resume it
                shutil.rmtree(path)

    def _acquire(self, lock: filelock.BaseFileLock, folder: Path) -> None:
        try:
            lock.acquire(blocking=False)
            return
        except filelock.Timeout:
            logger.warning("another process trains the same; waiting for it to end (it holds %s)", lock.lock_file)
        # The other process removes its checkpoints at its end. The last one is remembered, to resume from it.
        newest: Path | None = None
        while not lock.is_locked:
            if (paths := _list(folder)) and paths[-1] != newest:
                newest = paths[-1]
                with suppress(DamagedCheckpointError, OSError):  # removed meanwhile, or `load` will warn
                    self._seen = read_checkpoint(newest)
            try:
                lock.acquire(timeout=_POLL_SECONDS, poll_interval=_POLL_SECONDS / 5)
            except filelock.Timeout:
                continue

    def _warn(self, text: str) -> None:
        if not self._warned:
            logger.warning("warning: %s", text)
        self._warned = True


def _read_owner(folder: Path) -> Owner | None:
    """Return the owner of a folder, or None if all metrics are delivered, or the file is not ours."""
    try:
        return Owner(**json.loads((folder / OWNER).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _list(folder: Path) -> list[Path]:
    """Return the checkpoint files of a folder, oldest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _read_newest(folder: Path, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Checkpoint | None:
    """Return a folder's newest intact checkpoint with arrays of these shapes, or None; warn about the others."""
    for path in reversed(_list(folder)):
        try:
            found = read_checkpoint(path)
            if any([array.shape for array in found.arrays.get(name, ())] != list(shapes[name]) for name in shapes):
                raise DamagedCheckpointError("it is of another network")
            return found
        except DamagedCheckpointError as error:
            logger.warning("warning: the checkpoint %s is damaged (%s); the one before it is used", path, error)
        except OSError as error:
            logger.warning("warning: the checkpoint %s cannot be read (%s)", path, error.strerror)
    return None


def _lock_of(folder: Path) -> filelock.FileLock:
    """Return the lock file beside a training's folder.

    It must be a lock of the kernel: a lock that is only a file would remain after its process is killed.
    """
    return filelock.FileLock(folder.with_suffix(".lock"), fallback_to_soft=False)


def _remove(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Remove a training's folder, then its lock file, which this process holds; waiting processes create a new one."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows cannot remove an open file; it is empty, and removed when it is old
        Path(lock.lock_file).unlink(missing_ok=True)
