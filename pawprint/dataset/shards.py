"""Read and write pixels on disk: fixed-size shards, memory-mapped for reading, written without holding them.

A shard is a plain `.npy` file, which numpy can open and index at random: the training photos can be fully shuffled at
no cost.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

MAX_SHARD_BYTES = 128 * 2**20


class PixelFile:
    """Squares of pixels in one file, written and read by row; nothing stays in memory.

    Uses plain reads and writes: the touched pages of a memory map would count as this process's memory.
    """

    def __init__(self, path: Path, side: int) -> None:
        """Open an empty file at `path` for squares of `side` pixels."""
        self._path = path
        self._shape = (side, side, 3)
        self._row_bytes = side * side * 3
        self._file = path.open("w+b")
        self._rows = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to read what is written so far."""
        self._file.flush()
        return {name: value for name, value in self.__dict__.items() if name != "_file"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _file=state["_path"].open("rb"))

    def append(self, pixels: npt.NDArray[np.uint8]) -> int:
        """Write one square and return its row."""
        self._file.seek(self._rows * self._row_bytes)
        self._file.write(np.ascontiguousarray(pixels).tobytes())
        self._rows += 1
        return self._rows - 1

    def read(self, row: int) -> npt.NDArray[np.uint8]:
        """Return one square, uint8 `[side, side, 3]`."""
        self._file.seek(row * self._row_bytes)
        return np.frombuffer(self._file.read(self._row_bytes), np.uint8).reshape(self._shape)

    def close(self) -> None:
        """Close the file; it stays on disk."""
        self._file.close()


def shard_sizes(rows: int, side: int, max_bytes: int = MAX_SHARD_BYTES) -> list[int]:
    """Return the number of rows in each shard.

    >>> shard_sizes(5, side=10, max_bytes=600)
    [2, 2, 1]
    """
    per_shard = max(1, max_bytes // (side * side * 3))
    return [min(per_shard, rows - start) for start in range(0, rows, per_shard)]


def pixel_bytes(rows: int, side: int) -> int:
    """Return the bytes of so many squares, uncompressed."""
    return rows * side * side * 3


def write_shards(
    folder: Path, split: str, pixels: PixelFile, rows: Sequence[int], side: int
) -> Iterator[tuple[str, int]]:
    """Write the rows of one split as `<split>-00000-of-0000N.npy`, and yield each shard's name and size."""
    sizes = shard_sizes(len(rows), side)
    start = 0
    for number, size in enumerate(sizes):
        name = f"{split}-{number:05d}-of-{len(sizes):05d}.npy"
        with (folder / name).open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "|u1", "fortran_order": False, "shape": (size, side, side, 3)}
            )
            for row in rows[start : start + size]:
                file.write(pixels.read(row).tobytes())
        yield name, size
        start += size


class Images(Protocol):
    """Photos of one size that are read when asked for: of a dataset, or any array."""

    def __len__(self) -> int:
        """Return the number of photos."""

    def __getitem__(self, places: npt.NDArray[np.int64] | slice, /) -> npt.NDArray[np.uint8]:
        """Return the photos at these places, uint8 `[k, side, side, 3]`."""


class ShardedImages:
    """Images of one split, memory-mapped from their shards, with a single index."""

    def __init__(self, paths: Sequence[Path], side: int) -> None:
        """Map the shards at `paths`, in order."""
        self._shards = [_map_shard(path, side) for path in paths]
        self._starts = np.cumsum([0] + [len(shard) for shard in self._shards])
        self.side = side

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, indices: npt.ArrayLike | slice) -> npt.NDArray[np.uint8]:
        """Return the images at `indices` (int `[k]`, or a slice), uint8 `[k, side, side, 3]`."""
        if isinstance(indices, slice):
            indices = np.arange(len(self))[indices]
        wanted = np.atleast_1d(np.asarray(indices, np.int64))
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"index out of range for {len(self)} images")
        images = np.empty((len(wanted), self.side, self.side, 3), np.uint8)
        owners = np.searchsorted(self._starts, wanted, side="right") - 1
        for owner in np.unique(owners):
            mine = owners == owner
            images[mine] = self._shards[owner][wanted[mine] - self._starts[owner]]
        return images


def _map_shard(path: Path, side: int) -> npt.NDArray[np.uint8]:
    """Map a shard.

    Raises:
        ValueError: the file is not an array of squares of `side` pixels.
    """
    try:
        # Not np.load, which treats a file that begins like a zip as one.
        shard = np.lib.format.open_memmap(path, mode="r")
    except (SyntaxError, TokenError, EOFError, OverflowError) as error:
        # NumPy parses an array's header as Python, and maps as many bytes as it says, even a negative number.
        raise ValueError(f"{path.name} is no array ({error})") from error
    if not isinstance(shard, np.ndarray) or shard.dtype != np.uint8 or shard.shape[1:] != (side, side, 3):
        raise ValueError(f"{path.name} does not hold squares of {side} pixels")
    return shard
