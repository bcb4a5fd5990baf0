"""A training's checkpoints on disk: one process at a time, the last two epochs, gone when they are not needed."""

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
"""Should the newest be damaged, there is the one before."""
MAX_AGE_SECONDS = 14 * 24 * 3600
"""Nobody has gone on with a training for so long: its checkpoints are cleared."""
OWNER = "owner.json"
"""Whom the metrics in a training's folder belong to, while that run has not been told all of them."""
_SUFFIX = ".checkpoint"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Owner:
    """The run that a training is done for, the address of the server that its metrics go to, and its machine."""

    run_id: str
    server: str
    machine: str


class Checkpoints:
    """The checkpoints of one training, held from `open` to the end of the `with` block.

    They are all that is kept of a training while it goes on: where it stood, to go on from there, and what it has
    measured, for its run. A block that ends without an error removes them: all that was learned is logged then. Until
    it is opened, and where its folder cannot be had, it keeps nothing and the training goes its way.

    Attributes:
        owner: whom the training is done for, once that is known.
    """

    def __init__(self, settle: Callable[[Owner, Checkpoint | None], None] | None = None) -> None:
        """Keep nothing yet.

        Args:
            settle: called for each training that a killed process has left, with its owner and its newest checkpoint,
                if there is one: to tell the owner what was measured.
        """
        self.owner: Owner | None = None
        self._settle = settle
        self._folder: Path | None = None
        self._lock: filelock.BaseFileLock | None = None
        self._lasting = False
        self._seen: Checkpoint | None = None
        self._warned = False

    def __enter__(self) -> Self:
        """Return itself, not yet opened."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Remove the checkpoints if nobody needs them any more, and let the next one have the folder."""
        if self._lock:
            if self._folder and (kind is None or not (self._lasting or (self._folder / OWNER).exists())):
                _remove(self._folder, self._lock)
            self._lock.release()
        self._folder = self._lock = None

    def open(self, folder: Path, key: str | None, *, anew: bool = False) -> None:
        """Take a training's checkpoints for this process, waiting while another one has them.

        Args:
            folder: of everybody's checkpoints; made if it is not there. Those of other trainings that nobody has
                touched for `MAX_AGE_SECONDS` are removed from it.
            key: the training's cache key, 64 hexadecimal digits; None keeps no checkpoints to go on from.
            anew: discard what is there.
        """
        self.__exit__(None)  # what was opened before is done with
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
        except OSError as error:  # a full disk, a file system without locks, a folder of somebody else's
            if key:
                self._warn(f"no checkpoints are kept in {folder}: {error.strerror or error}")

    def disown(self) -> None:
        """Note that the owner has been told everything, or keeps it elsewhere."""
        if self._folder:
            (self._folder / OWNER).unlink(missing_ok=True)

    def load(self, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Checkpoint | None:
        """Return the newest checkpoint that is whole, and of a training like this one, or None.

        Args:
            shapes: of the arrays in each group that it must have.
        """
        return (_read_newest(self._folder, shapes) or self._seen) if self._folder else None

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, and only the one before it beside; a training does not end because this fails."""
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
        """Settle other trainings that were killed, and remove those that nobody has gone on with for long."""
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
            except (OSError, ValueError):  # in use (filelock.Timeout is an OSError), somebody else's, or just removed
                continue

    def _is_of_this_machine(self, path: Path) -> bool:
        """Return whether a folder has an owner on this machine: locks are not shared with others on every disk."""
        owner = _read_owner(path)
        return owner is not None and self.owner is not None and owner.machine == self.owner.machine

    def _settle_owner(self, path: Path) -> None:
        """Settle what the owner of a folder, whose lock is held, was not told before its process was killed."""
        owner = _read_owner(path)
        if owner and self._settle:
            self._settle(owner, _read_newest(path, {}))
            (path / OWNER).unlink()
            if path.name == owner.run_id:  # nobody goes on with it
                shutil.rmtree(path)

    def _acquire(self, lock: filelock.BaseFileLock, folder: Path) -> None:
        try:
            lock.acquire(blocking=False)
            return
        except filelock.Timeout:
            logger.warning("another process trains the same; waiting for it to end (it holds %s)", lock.lock_file)
        # What it has come to when it ends is removed; the last that was seen of it need not be learned again.
        newest: Path | None = None
        while not lock.is_locked:
            if (paths := _list(folder)) and paths[-1] != newest:
                newest = paths[-1]
                with suppress(DamagedCheckpointError, OSError):  # gone meanwhile, or `load` will say so
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
    """Return the owner of a folder, or None where it was told everything, or the file is none of ours."""
    try:
        return Owner(**json.loads((folder / OWNER).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _list(folder: Path) -> list[Path]:
    """Return the folder's checkpoints, the oldest first."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _read_newest(folder: Path, shapes: Mapping[str, Sequence[tuple[int, ...]]]) -> Checkpoint | None:
    """Return a folder's newest checkpoint that is whole and has arrays of these shapes, or None; say what is not."""
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
    """Return the lock that stands beside a training's folder.

    Only the kernel's own lock will do: one that is a mere file outlives a process that was killed.
    """
    return filelock.FileLock(folder.with_suffix(".lock"), fallback_to_soft=False)


def _remove(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Remove a training's folder, then the lock that this process holds on it: whoever waits makes a new one."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows keeps a file that is open; it is empty, and cleared when it is old
        Path(lock.lock_file).unlink(missing_ok=True)
