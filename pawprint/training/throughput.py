"""How fast a training is: pictures and arithmetic per second, without the steps that compile."""

import time
from collections import Counter
from collections.abc import Callable

PASSES = 3
"""A step multiplies three times what judging does: forward, and back to the inputs and to the weights."""


class Throughput:
    """A stopwatch over training steps that forgets the first step at each size, which is spent compiling."""

    def __init__(self) -> None:
        self._images: Counter[int] = Counter()
        self._seconds = 0.0
        self._since = 0.0
        self._side = 0
        self._compiled: set[int] = set()

    def start(self, side: int) -> None:
        """Run the watch, for pictures of this side."""
        self._side, self._since = side, time.perf_counter()

    def count(self, images: int) -> None:
        """Note that a step over this many pictures is done."""
        if self._side in self._compiled:
            self._images[self._side] += images
        else:
            self._compiled.add(self._side)
            self._since = time.perf_counter()

    def stop(self) -> None:
        """Halt the watch, as for validation."""
        self._seconds += time.perf_counter() - self._since

    @property
    def images_per_second(self) -> float | None:
        """Pictures per second so far; None before the second step of any size."""
        return self._images.total() / self._seconds if self._images else None

    def flops_per_second(self, multiply_adds: Callable[[int], int]) -> float | None:
        """Return the arithmetic of forward and backward pass per second, a multiply-add being two operations.

        Args:
            multiply_adds: of one picture of a given side, forward only.
        """
        if not self._images:
            return None
        forward = sum(images * multiply_adds(side) for side, images in self._images.items())
        return 2.0 * PASSES * forward / self._seconds
