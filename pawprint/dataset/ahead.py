"""Photos decoded beside whatever uses them: a bounded number ahead, in order, so that memory stays flat."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.machine import count_cores
from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.photos.collection import Photo, PhotoCollection

AHEAD = 3
"""Batches that are decoded, or being decoded, while one is used."""


@dataclass(frozen=True)
class DecodedBatch:
    """Some photos in a row.

    Attributes:
        photos: [n].
        errors: [n] why a photo can't be read, "" where it can.
        pixels: uint8 [k, side, side, 3] of those that can, in order.
    """

    photos: list[Photo]
    errors: list[str]
    pixels: npt.NDArray[np.uint8]

    def spread(self, answers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return [n, m] with a row of NaN for each photo that can't be read, from [k, m] for the others."""
        rows = np.full((len(self.photos), answers.shape[1]), np.nan, np.float32)
        rows[[not error for error in self.errors]] = answers
        return rows


def decode_ahead(
    collection: PhotoCollection,
    photos: Sequence[Photo],
    side: int,
    *,
    batch_size: int,
    decoding: Decoding = USUAL,
    workers: int | None = None,
) -> Iterator[DecodedBatch]:
    """Yield photos decoded as everywhere in the project, each batch made while the caller works on the ones before.

    Args:
        collection: what they are read from.
        photos: which, and in which order.
        side: pixels of the squares.
        batch_size: photos in a batch; the last may have fewer.
        decoding: how a photo becomes a square.
        workers: threads that read and decode; Pillow decodes outside the interpreter's lock. Default: the cores.

    Raises:
        UserError: a photo that is kept by reference is gone, or no longer what it was.
    """

    def decode(photo: Photo) -> npt.NDArray[np.uint8] | str:
        try:
            return decode_photo(collection.read(photo), side, decoding)
        except (UnreadablePhoto, UnreadableMemberError) as reason:
            return str(reason)

    remaining = iter(photos)
    waiting: deque[tuple[Photo, Future[npt.NDArray[np.uint8] | str]]] = deque()
    pool = ThreadPoolExecutor(workers or count_cores())
    try:
        while True:
            while len(waiting) < AHEAD * batch_size and (photo := next(remaining, None)) is not None:
                waiting.append((photo, pool.submit(decode, photo)))
            if not waiting:
                return
            taken = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
            yield _collect(taken, side)
    finally:
        pool.shutdown(cancel_futures=True)  # where the caller stops early, or a photo is gone


def _collect(taken: list[tuple[Photo, Future[npt.NDArray[np.uint8] | str]]], side: int) -> DecodedBatch:
    results = [decoding.result() for _, decoding in taken]
    pixels = [result for result in results if not isinstance(result, str)]
    return DecodedBatch(
        photos=[photo for photo, _ in taken],
        errors=[result if isinstance(result, str) else "" for result in results],
        pixels=np.stack(pixels) if pixels else np.empty((0, side, side, 3), np.uint8),
    )
