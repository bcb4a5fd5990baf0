"""The checkpoint file: the state of a training after an epoch, with a digest.

The file has a line that names the format, a line with the sha256 of the rest, and the rest: an .npz whose arrays hold
only numbers (nothing is ever unpickled) and whose member `facts` is JSON.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.base.files import write_durably

SCHEMA_VERSION = 2
_MAGIC = b"pawprint checkpoint %d\n"
_FACTS = "facts"
# Errors that NumPy and zipfile raise for invalid files with a valid digest, found by fuzzing.
_INVALID_CONTENT = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, EOFError, OverflowError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, TokenError),  # numpy reads an array's header as Python
)

Arrays = Sequence[npt.NDArray[Any]]


class DamagedCheckpointError(Exception):
    """A file is not the checkpoint that was written."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after its last complete epoch.

    Attributes:
        history: an entry for each epoch so far, as in `pawprint.training.epochs.Training`.
        timestamps_ms: end of each epoch, in milliseconds since 1970.
        best_epoch: number of the epoch with the best weights so far, from 1.
        arrays: the training's variables by group (`learner`, `optimizer`, …); `best` holds the best weights so far.
        earlier: number of epochs of the phase before, in which only the last layer of the network learned.
    """

    history: list[dict[str, float]]
    timestamps_ms: list[int]
    best_epoch: int
    arrays: Mapping[str, Arrays]
    earlier: int = 0


def write_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint atomically."""
    write_durably(pack(checkpoint), path)


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file.

    Raises:
        DamagedCheckpointError: the file is truncated, was changed, or is not a checkpoint.
        OSError: the file cannot be read.
    """
    return unpack(path.read_bytes())


def pack(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a checkpoint's file."""
    facts = {
        "history": checkpoint.history,
        "timestamps_ms": checkpoint.timestamps_ms,
        "best_epoch": checkpoint.best_epoch,
        "earlier": checkpoint.earlier,
        "groups": {name: len(group) for name, group in checkpoint.arrays.items()},
    }
    members = {
        f"{name}/{number}": array for name, group in checkpoint.arrays.items() for number, array in enumerate(group)
    }
    members[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    buffer = io.BytesIO()
    # The parameters of savez are positional-only since NumPy 2.1, so a member may have any name.
    np.savez(buffer, allow_pickle=False, **members)
    content = buffer.getvalue()
    return b"".join([_MAGIC % SCHEMA_VERSION, hashlib.sha256(content).hexdigest().encode(), b"\n", content])


def unpack(data: bytes) -> Checkpoint:
    """Return the checkpoint in bytes that `pack` returned.

    Raises:
        DamagedCheckpointError: `pack` did not return these bytes.
    """
    magic = _MAGIC % SCHEMA_VERSION
    if not data.startswith(magic):
        raise DamagedCheckpointError(f"it is no checkpoint of version {SCHEMA_VERSION}")
    digest, _, content = data[len(magic) :].partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise DamagedCheckpointError("its sha256 is not that of its content")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as members:
            # `pack` does not compress. So a forged file never reaches a decompressor, where it could be a zip bomb.
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.zip.infolist()):
                raise ValueError("a member is compressed")
            facts = json.loads(members[_FACTS].tobytes())
            checkpoint = Checkpoint(
                history=facts["history"],
                timestamps_ms=facts["timestamps_ms"],
                best_epoch=facts["best_epoch"],
                earlier=facts["earlier"],
                arrays={
                    name: [members[f"{name}/{number}"] for number in range(count)]
                    for name, count in facts["groups"].items()
                },
            )
        _check(checkpoint)
    except _INVALID_CONTENT as error:
        raise DamagedCheckpointError(f"its content is no checkpoint's: {type(error).__name__}: {error}") from error
    return checkpoint


def _check(checkpoint: Checkpoint) -> None:
    """Raise ValueError or TypeError if the facts contradict each other."""
    epochs = len(checkpoint.history)
    if [entry["epoch"] for entry in checkpoint.history] != list(range(1, epochs + 1)):
        raise ValueError("its history does not count the epochs")
    if len(checkpoint.timestamps_ms) != epochs or not 1 <= checkpoint.best_epoch <= epochs:
        raise ValueError("its times or its best epoch are not those of its history")
    if not 0 <= checkpoint.earlier <= epochs:
        raise ValueError("its phases have more epochs than its history")
    if not checkpoint.arrays["best"]:
        raise ValueError("it holds no best weights")
    numbers = [value for entry in checkpoint.history for value in entry.values()] + checkpoint.timestamps_ms
    if not all(isinstance(number, int | float) for number in [*numbers, checkpoint.best_epoch]):
        raise TypeError("its history is not one of numbers")
