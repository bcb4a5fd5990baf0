"""Read the tensors of a PyTorch file without PyTorch, and without running what a pickle may ask to run.

A file of `torch.save` before version 1.6 is a row of pickles (a magic number, a version, facts of the machine, the
object, the keys of its storages) and then each storage's length and bytes. The object refers to its storages by key,
and each tensor is a view of one: offset, shape and strides, all counted in elements (torch/serialization.py,
`_legacy_save`).
"""

import math
import os
import pickle
import pickletools
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: npt.DTypeLike
    num_elements: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def rebuild(
        cls, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
    ) -> "_View":
        """Stand in for `torch._utils._rebuild_tensor_v2`; gradients and hooks are of no use here."""
        return cls(storage, offset, shape, strides)

    def of(self, elements: npt.NDArray[Any]) -> npt.NDArray[Any]:
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if self.offset < 0 or min((0, *self.strides, *self.shape)) < 0 or self.offset + reach >= len(elements):
            raise ValueError("a tensor reaches past the end of its storage")
        if math.prod(self.shape) > len(elements):  # by a stride of 0, a few bytes could ask for any amount of memory
            raise ValueError("a tensor is larger than its storage")
        strides = [stride * elements.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides).copy()


ADMITTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _View.rebuild,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
"""All that a file of weights needs, and what each name becomes here."""


class _TensorsOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise ValueError(f"it asks for {module}.{name}, which is no tensor")
        return ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, num_elements, view = pid
        if kind != "storage" or view is not None:
            raise ValueError("it refers to something that is no plain storage")
        return _Storage(key, dtype, num_elements)


def load_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a state dict by name, float32 or int64 arrays in C order.

    Args:
        path: a file of `torch.save` in the format before version 1.6.

    Raises:
        ValueError: the file is of another format, cut short, or holds anything but tensors; nothing of it was run.
    """
    try:
        with path.open("rb") as file:
            if [_load(file), _load(file)] != [MAGIC_NUMBER, PROTOCOL_VERSION]:
                raise ValueError("it is not of PyTorch's format before 1.6")
            _load(file)  # sizes of C types on the machine that wrote it
            views = _load(file)
            storages = _read_storages(file, {view.storage.key: view.storage for view in views.values()})
            return {str(name): view.of(storages[view.storage.key]) for name, view in views.items()}
    except OSError:
        raise
    except Exception as error:
        # Of a file that was written wrong, pickle raises "not necessarily limited to" what its documentation names;
        # fuzzing has shown six kinds.
        raise ValueError(f"{path.name} is no file of PyTorch weights that can be read here: {error!r}") from error


def _load(file: BinaryIO) -> Any:
    start, size = file.tell(), os.fstat(file.fileno()).st_size
    # The unpickler makes room for as many remembered objects as the highest number it is told: gigabytes, for 5 bytes.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of odd escapes in texts: the file is odd, not the program
        for opcode, argument, _ in pickletools.genops(file):
            if "PUT" in opcode.name and int(argument or 0) > size:
                raise ValueError(f"it remembers object number {argument}, and has {size} bytes")
    file.seek(start)
    return _TensorsOnly(file).load()


def _read_storages(file: BinaryIO, known: dict[str, _Storage]) -> dict[str, npt.NDArray[Any]]:
    storages = {}
    for key in _load(file):
        storage = known[key]
        num_elements = int.from_bytes(file.read(8), "little")
        if num_elements != storage.num_elements:
            raise ValueError("a storage is not as long as the tensors say")
        left = os.fstat(file.fileno()).st_size - file.tell()
        if num_elements * np.dtype(storage.dtype).itemsize > left:  # before the memory for them is asked for
            raise ValueError("it is cut short")
        storages[key] = np.fromfile(file, storage.dtype, num_elements)
    return storages
