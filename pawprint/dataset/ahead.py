"""Decode photos in the background: in order, a limited number ahead of their use, so that memory stays flat."""

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
"""Batches that are decoded, or being decoded, while one is in use."""


@dataclass(frozen=True)
class DecodedBatch:
    """Consecutive photos, decoded.

    Attributes:
        photos: [n].
        errors: [n] why a photo cannot be read, "" if it can.
        pixels: uint8 [k, side, side, 3] of the readable photos, in order.
    """

    photos: list[Photo]
    errors: list[str]
    pixels: npt.NDArray[np.uint8]

    def spread(self, answers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return [n, m]: the rows of `answers` ([k, m]) for readable photos, and a row of NaN for each other photo."""
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
    """Yield decoded photos; batches are decoded while the caller works on earlier ones.

    Args:
        collection: the collection to read from.
        photos: the photos, in the order to decode.
        side: side of the squares in pixels.
        batch_size: photos in a batch; the last may have fewer.
        decoding: how a photo becomes a square.
        workers: threads that read and decode; Pillow decodes outside the interpreter's lock. Default: the cores.

    Raises:
        UserError: a photo kept by reference is missing or has changed.
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
        pool.shutdown(cancel_futures=True)  # in case the caller stops early, or a photo is missing


def _collect(taken: list[tuple[Photo, Future[npt.NDArray[np.uint8] | str]]], side: int) -> DecodedBatch:
    results = [decoding.result() for _, decoding in taken]
    pixels = [result for result in results if not isinstance(result, str)]
    return DecodedBatch(
        photos=[photo for photo, _ in taken],
        errors=[result if isinstance(result, str) else "" for result in results],
        pixels=np.stack(pixels) if pixels else np.empty((0, side, side, 3), np.uint8),
    )
