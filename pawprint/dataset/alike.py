"""Find the photos whose descriptors are alike: every one with every other, exactly, on all cores.

The odd waves of a mirrored photo change their sign (see `MIRROR`), so the products of the even and of the odd waves
give both answers: their sum is the likeness of two photos, their difference that of one with the other's mirror image.
That is half the arithmetic of two searches, and half of all pairs is enough. It grows with the square of the number of
photos, and still takes less time than an index up to a million: photos as far apart as a cosine of 0.65 are seldom in
one cell, and to find 999 of 1000 pairs an index has to look into a fifth of its cells (docs/results.md).
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from pawprint.base.machine import count_cores
from pawprint.dataset.likeness import MIRROR

MIN_COSINE = 0.65
"""Cosine of two descriptors from which the details are compared: one in 50,000 pairs of different photos."""
_ROWS, _COLUMNS = 384, 512
"""Photos of a block: small enough for the processor's second cache, large enough for a product's start-up cost."""
_BLOCKS_AHEAD = 64
"""Blocks of rows whose results may wait for the caller."""

_Numbers = npt.NDArray[np.int64]
_Values = npt.NDArray[np.float32]


def find_alike(table: npt.NDArray[np.int8], known: int) -> Iterator[tuple[int, _Numbers]]:
    """Yield each new photo that looks like an earlier one, and the numbers of those, the most alike first.

    Args:
        table: int8 `[photos, NUM_COEFFICIENTS]`, the results of `describe`.
        known: number of photos, from the first, that are already compared.
    """
    if known == len(table):
        return
    search = _Search(table)
    starts = iter(range(known, len(table), _ROWS))
    # The threads are ours: one product is too small to be divided.
    with (
        threadpool_limits(1, "blas"),
        ThreadPoolExecutor(count_cores()) as pool,
        tqdm(total=len(table) - known, desc="comparing photos", unit="photo", disable=None, delay=2) as progress,
    ):
        while batch := list(islice(starts, _BLOCKS_AHEAD)):
            for found in pool.map(search.compare_rows, batch):
                yield from _by_photo(*found)
                progress.update(min(_ROWS, len(table) - known - progress.n))


class _Search:
    """The descriptors as numbers that a matrix product takes, and room for its results in each thread."""

    def __init__(self, table: npt.NDArray[np.int8]) -> None:
        # Whole numbers below 2^24: float32 adds them exactly, in any order.
        self._even = table[:, MIRROR > 0].astype(np.float32)
        self._odd = table[:, MIRROR < 0].astype(np.float32)
        self._lengths = np.sqrt(sum(np.einsum("ij,ij->i", part, part) for part in (self._even, self._odd)))
        # A blank photo's descriptor has length zero and matches none.
        shortest = self._lengths.min(where=self._lengths > 0, initial=np.inf)
        self._least = np.float32(MIN_COSINE * shortest * shortest * (1 - 1e-6)) if shortest < np.inf else np.inf
        self._room = threading.local()

    def compare_rows(self, first: int) -> tuple[_Numbers, _Numbers, _Values]:
        """Return the pairs of a block of photos with earlier ones: their numbers, and the products of the two."""
        room = self._room.__dict__.setdefault("pair", np.empty((2, _ROWS * _COLUMNS), np.float32))
        even, odd = self._even[first : first + _ROWS], self._odd[first : first + _ROWS]
        photos, others, products = [], [], []
        for start in range(0, first + len(even), _COLUMNS):
            columns = slice(start, min(start + _COLUMNS, first + len(even)))
            shape = len(even), columns.stop - start
            alike, turned = (part[: shape[0] * shape[1]].reshape(shape) for part in room)
            np.matmul(even, self._even[columns].T, out=alike)
            np.matmul(odd, self._odd[columns].T, out=turned)
            alike += np.abs(turned, out=turned)  # the larger of the sum and the difference
            if alike.max() >= self._least:
                row, column = np.divmod(np.flatnonzero(alike >= self._least), shape[1])
                photos.append(first + row)
                others.append(start + column)
                products.append(alike[row, column])
        if not photos:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        photo, other, product = np.concatenate(photos), np.concatenate(others), np.concatenate(products)
        kept = (other < photo) & (product >= MIN_COSINE * (self._lengths[photo] * self._lengths[other]))
        return photo[kept], other[kept], product[kept]


def _by_photo(photos: _Numbers, others: _Numbers, products: _Values) -> Iterator[tuple[int, _Numbers]]:
    order = np.lexsort((others, -products, photos))
    numbers, starts = np.unique(photos[order], return_index=True)
    yield from zip(numbers.tolist(), np.split(others[order], starts[1:]), strict=False)
