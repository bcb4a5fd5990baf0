"""Measure the speed of a training: pictures and operations per second, without the steps that compile."""

import time
from collections import Counter
from collections.abc import Callable

PASSES = 3
"""Arithmetic of a training step in forward passes: forward, backward to the inputs, backward to the weights."""


class Throughput:
    """A stopwatch for training steps that ignores the first step of each size, which compiles."""

    def __init__(self) -> None:
        self._images: Counter[int] = Counter()
        self._seconds = 0.0
        self._since = 0.0
        self._side = 0
        self._compiled: set[int] = set()

    def start(self, side: int) -> None:
        """Start the stopwatch for pictures of this side."""
        self._side, self._since = side, time.perf_counter()

    def count(self, images: int) -> None:
        """Count a finished step over this many pictures."""
        if self._side in self._compiled:
            self._images[self._side] += images
        else:
            self._compiled.add(self._side)
            self._since = time.perf_counter()

    def stop(self) -> None:
        """Stop the stopwatch, for example during validation."""
        self._seconds += time.perf_counter() - self._since

    @property
    def images_per_second(self) -> float | None:
        """Pictures per second so far; None before the second step of any size."""
        return self._images.total() / self._seconds if self._images else None

    def flops_per_second(self, multiply_adds: Callable[[int], int]) -> float | None:
        """Return operations of forward and backward pass per second; a multiply-add is two operations.

        Args:
            multiply_adds: returns the multiply-adds of one forward pass of a picture with the given side.
        """
        if not self._images:
            return None
        forward = sum(images * multiply_adds(side) for side, images in self._images.items())
        return 2.0 * PASSES * forward / self._seconds
