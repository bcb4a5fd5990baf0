"""Read vectors of whole numbers from MATLAB files (version 5), and nothing else in them.

scipy reads them. Before that, each part is unpacked within limits and checked: a part can claim any size, nest other
parts endlessly, or be a pickled function.
"""

import io
import struct
import zlib
from collections.abc import Iterator

from pawprint.labels.tabular.limits import TableError

MOST_BYTES = 2**26
"""Bytes of all parts together, unpacked."""
COMPRESSED, MATRIX = 15, 14
NUMERIC_CLASSES = range(6, 16)
"""From mxDOUBLE_CLASS to mxUINT64_CLASS."""


def read_vectors(data: bytes) -> dict[str, list[int]]:
    """Return the vectors of whole numbers in a file, by name.

    Raises:
        TableError: The file has another format, or exceeds the limits.
    """
    import numpy as np
    from scipy.io import loadmat

    if len(data) < 128 or data[126:128] != b"IM" or data[124:126] != b"\x00\x01":
        raise TableError("it is no MATLAB file of version 5")
    plain = data[:128] + b"".join(_numeric_parts(data[128:]))
    try:
        arrays = loadmat(io.BytesIO(plain))
    except Exception as error:  # scipy raises many types of error over broken files
        raise TableError(f"it is a damaged MATLAB file ({error})") from error
    vectors = {}
    for name, array in arrays.items():
        if (
            not isinstance(array, np.ndarray)
            or array.dtype.kind not in "iuf"
            or array.ndim != 2
            or 1 not in array.shape
        ):
            continue
        values = array.ravel()
        if (
            values.size > 1
            and np.isfinite(values).all()
            and (values == np.floor(values)).all()
            and abs(values).max() < 2**53
        ):
            vectors[name] = [int(value) for value in values]
    return vectors


def _numeric_parts(data: bytes) -> Iterator[bytes]:
    """Yield each part that is a numeric array, unpacked."""
    left = MOST_BYTES
    while len(data) >= 8:
        kind, size = struct.unpack("<II", data[:8])
        body, data = data[8 : 8 + size], data[8 + size :]
        if len(body) < size:
            raise TableError("it is cut short")
        part = struct.pack("<II", kind, size) + body
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            try:
                part = unpacker.decompress(body, left)
            except zlib.error as error:
                raise TableError("it is damaged") from error
            if not unpacker.eof:
                raise TableError("it holds more than is read")
        left -= len(part)
        if left <= 0:
            raise TableError("it holds more than is read")
        if _is_numeric(part):
            yield part


def _is_numeric(part: bytes) -> bool:
    """Return whether a part is exactly one numeric array: its flags come first, and its size is that of the part."""
    if len(part) < 24:
        return False
    kind, size, flags_kind, flags_size, flags = struct.unpack("<IIIII", part[:20])
    return (
        kind == MATRIX
        and size == len(part) - 8
        and (flags_kind, flags_size) == (6, 8)
        and flags & 0xFF in NUMERIC_CLASSES
    )
