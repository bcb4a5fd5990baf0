"""Pictures per second of a training, without the steps that compile."""

import time


class Throughput:
    """A stopwatch over training steps that forgets the first step at each size, which is spent compiling."""

    def __init__(self) -> None:
        self._images, self._seconds = 0, 0.0
        self._since = 0.0
        self._side = 0
        self._compiled: set[int] = set()

    def start(self, side: int) -> None:
        """Run the watch, for pictures of this side."""
        self._side, self._since = side, time.perf_counter()

    def count(self, images: int) -> None:
        """Note that a step over this many pictures is done."""
        if self._side in self._compiled:
            self._images += images
        else:
            self._compiled.add(self._side)
            self._since = time.perf_counter()

    def stop(self) -> None:
        """Halt the watch, as for validation."""
        self._seconds += time.perf_counter() - self._since

    @property
    def images_per_second(self) -> float:
        """Pictures per second so far; 0.0 before the second step."""
        return self._images / self._seconds if self._images else 0.0
