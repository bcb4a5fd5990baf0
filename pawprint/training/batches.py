"""Choose the photos of each batch and their random numbers: a pure function of seed, epoch and photo.

All random numbers for the input come from here, from Philox, a counter-based generator (Salmon et al. 2011). They do
not depend on what ran before, so a photo's crop in an epoch is the same for every batch size. NumPy draws the table of
a whole epoch in about a millisecond; the code that uses the numbers is compiled.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from pawprint.dataset.shards import Images

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

NUM_DRAWS = 12
"""Random numbers drawn for a photo each time it is shown."""


class Split(Protocol):
    """Photos and their labels, as `pawprint.dataset.reader` gives them."""

    @property
    def images(self) -> Images:
        """The photos."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The class of each photo, int64 [n]."""


@dataclass(frozen=True)
class Batch:
    """Photos uint8 [k, side, side, 3], labels int64 [k], uniform draws in [0, 1) float32 [k, NUM_DRAWS]."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    draws: npt.NDArray[np.float32]


def training_batches(split: Split, *, batch_size: int, passes: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield the batches of an epoch: every photo `passes` times, each pass with its own order and draws.

    A batch may contain photos of two passes, so only the last batch of the epoch can be smaller.

    Args:
        split: the training photos.
        batch_size: photos in a batch; if it exceeds the number of photos, there is one batch.
        passes: how often each photo is shown.
        seed: seed of the training.
        epoch: number of the epoch, from 1.
    """
    num_photos = len(split.labels)
    orders, draws = [], []
    for number in range(passes):
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, number])))
        # The table is indexed by position in the split, so a photo's numbers do not depend on the order.
        table = generator.random((num_photos, NUM_DRAWS), dtype=np.float32)
        order = generator.permutation(num_photos)
        orders.append(order)
        draws.append(table[order])
    positions = np.concatenate(orders).astype(np.int64)
    all_draws = np.concatenate(draws)
    for start in range(0, len(positions), batch_size):
        chosen = positions[start : start + batch_size]
        yield Batch(
            images=split.images[chosen],
            labels=split.labels[chosen],
            draws=all_draws[start : start + batch_size],
        )


def num_batches(num_photos: int, *, batch_size: int, passes: int) -> int:
    """Return the number of batches that `training_batches` yields.

    >>> num_batches(10, batch_size=4, passes=2), num_batches(3, batch_size=64, passes=1)
    (5, 1)
    """
    return -(-num_photos * passes // batch_size)


def prepare_ahead(items: Iterable[_Item], prepare: Callable[[_Item], _Result]) -> Iterator[_Result]:
    """Yield `prepare(item)` in order, each computed in a thread while the caller works on the previous one.

    A training step leaves the cores idle between its operations; the thread uses that time.
    """
    with ThreadPoolExecutor(1) as beside:
        waiting = None
        for item in items:
            following = beside.submit(prepare, item)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()
