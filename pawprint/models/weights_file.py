"""Read the arrays in a file of weights, so that nothing in it can run code.

Three formats, told apart by their content: `.weights.h5`, the same inside a `.keras` file, and `.safetensors`. Of a
`.keras` file only the arrays are read: its layers are not built, so a Lambda layer's code is not even looked at.
Pickles (`.pt`, `.pth`, `.bin`, `.ckpt`) are refused unread.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pawprint.base.errors import UserError, one_line
from pawprint.base.space import check_space

SUFFIXES = (".keras", ".weights.h5", ".safetensors")
MEMBER = "model.weights.h5"
"""The member of a `.keras` file with its arrays."""
MOST_ARRAYS = 100_000
FLOATS = {"F16", "F32", "F64"}
"""Formats of safetensors that NumPy has."""
_DAMAGED = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile)
"""What h5py and zipfile raise over a file that is damaged, or made to be so."""


@dataclass(frozen=True)
class WeightsFile:
    """An open file of weights.

    Attributes:
        shapes: shape of each array of floating-point numbers, by its name.
        read: returns the array with a name; it is read only now.
    """

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], npt.NDArray[np.floating]]


def check_weights_file(path: Path) -> None:
    """Check that a file has one of the formats, and that its list of arrays can be read.

    Raises:
        UserError: it has not; the message says what was expected.
    """
    with open_weights_file(path):
        pass


@contextmanager
def open_weights_file(path: Path) -> Iterator[WeightsFile]:
    """Yield the arrays of a file of weights.

    Raises:
        UserError: the file has none of the formats, or is damaged.
    """
    with path.open("rb") as file:
        head = file.read(16)
    try:
        if head.startswith(b"\x89HDF\r\n"):
            with _open_hdf5(path) as opened:
                yield opened
        elif zipfile.is_zipfile(path):
            with tempfile.TemporaryDirectory(prefix="pawprint-") as to, _open_hdf5(_extract(path, to)) as opened:
                yield opened
        elif head[8:9] == b"{":
            with _open_safetensors(path) as opened:
                yield opened
        else:
            raise UserError(f"no file of weights; expected {', '.join(SUFFIXES)}")
    except _DAMAGED as error:
        raise UserError(f"a file of weights that is damaged ({one_line(error)})") from error


def _extract(path: Path, folder: str) -> Path:
    with zipfile.ZipFile(path) as archive:
        if MEMBER not in archive.namelist():
            raise UserError(f"a zip without {MEMBER}, so no .keras file; expected {', '.join(SUFFIXES)}")
        check_space("the weights", {Path(folder): archive.getinfo(MEMBER).file_size})
        extracted = Path(folder, MEMBER)
        with archive.open(MEMBER) as source, extracted.open("wb") as target:
            shutil.copyfileobj(source, target)
    return extracted


@contextmanager
def _open_hdf5(path: Path) -> Iterator[WeightsFile]:
    import h5py

    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, found: object) -> None:
        # Links to other files are not followed, and an array may not lie in one.
        if isinstance(found, h5py.Dataset) and found.dtype.kind == "f" and not found.external and not found.is_virtual:
            shapes[name] = found.shape
            if len(shapes) > MOST_ARRAYS:
                raise ValueError(f"more than {MOST_ARRAYS:,} arrays")

    with h5py.File(path, "r") as file:
        file.visititems(note)
        yield WeightsFile(shapes, lambda name: file[name][()])


@contextmanager
def _open_safetensors(path: Path) -> Iterator[WeightsFile]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            shapes = {name: tuple(one.get_shape()) for name, one in slices.items() if one.get_dtype() in FLOATS}
            yield WeightsFile(shapes, file.get_tensor)
    except SafetensorError as error:
        raise ValueError(error) from error
