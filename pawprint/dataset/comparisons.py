"""Compare a photo closely with several others: aligned, then weighed; by other processes once there are many.

A comparison takes half a millisecond, a thorough one five, in many small operations that hold Python's lock: threads
would wait for each other.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pawprint.base.machine import count_cores
from pawprint.dataset.evidence import MIN_SIDE, NOTHING_ALIKE, Evidence, weigh, weigh_tiny
from pawprint.dataset.likeness import MIRROR, Box, Descriptor, Look, Pixels, compare_closely

MIN_LIKENESS = 0.72
"""Likeness of details from which two photos are compared thoroughly (see `compare_closely`)."""
MAX_WEIGHED = 5
"""Most thorough comparisons for a photo."""
FEW = 2000
"""Photos that are compared here before other processes are started, which takes a second."""
_LOOKS_KEPT = 64
"""Photos whose details stay in memory while they are compared with others: ten megabytes."""
_AHEAD = 8
"""Photos for each process that are compared ahead of their turn."""


@dataclass(frozen=True)
class Subject:
    """A photo to compare.

    Attributes:
        member: its name.
        place: what the reader of pixels takes.
        descriptor: the result of `describe`.
        side: shorter edge in pixels of its file.
    """

    member: str
    place: Any
    descriptor: Descriptor
    side: int


@dataclass(frozen=True)
class Comparison:
    """A photo compared with another.

    Attributes:
        other: the other's position among those asked for.
        likeness: of their details.
        evidence: their differences; `NOTHING_ALIKE` below `MIN_LIKENESS`.
        mirrored: whether one is compared with the other's mirror image.
    """

    other: int
    likeness: float
    evidence: Evidence
    mirrored: bool


@dataclass(frozen=True)
class _Aligned:
    other: int
    pixels: tuple[Pixels, Pixels]
    likeness: float
    boxes: tuple[Box, Box] | None
    """None if they have too few pixels to align."""
    mirrored: bool
    side: int

    def weigh(self, side: int) -> Evidence:
        """Return their differences, seen at a side of so many pixels."""
        if self.boxes is None:
            return weigh_tiny(*self.pixels, mirrored=self.mirrored)
        return weigh(*self.pixels, self.boxes, mirrored=self.mirrored, side=side)


class Comparer:
    """Compares photos, and keeps the details of the last ones."""

    def __init__(self, read: Callable[[Any], Pixels]) -> None:
        """Start without photos.

        Args:
            read: returns the pixels at a place, uint8 `[side, side, 3]`.
        """
        self._look = lru_cache(_LOOKS_KEPT)(lambda place: Look(read(place)))

    def compare(self, photo: Subject, others: Sequence[Subject]) -> Iterator[Comparison]:
        """Yield the thorough comparisons of a photo with those others that look like it, the most alike first."""
        aligned = [self._align(photo, other, number) for number, other in enumerate(others)]
        alike = [each for each in aligned if each.likeness >= MIN_LIKENESS]
        for each in sorted(alike, key=lambda each: -each.likeness)[:MAX_WEIGHED]:
            yield Comparison(each.other, each.likeness, each.weigh(each.side), each.mirrored)

    def compare_two(self, photo: Subject, other: Subject) -> Comparison:
        """Return the comparison of two photos."""
        each = self._align(photo, other)
        evidence = each.weigh(each.side) if each.likeness >= MIN_LIKENESS else NOTHING_ALIKE
        return Comparison(0, each.likeness, evidence, each.mirrored)

    def weigh_strangers(self, photo: Subject, other: Subject, side: int) -> Evidence:
        """Return the differences of two photos, alike or not, seen at a side of so many pixels."""
        return self._align(photo, other).weigh(side)

    def _align(self, photo: Subject, other: Subject, number: int = 0) -> _Aligned:
        one, another = (each.descriptor.astype(np.int64) for each in (photo, other))
        mirrored = bool(((one * MIRROR) @ another) > one @ another)
        # Sorted, because which photo is aligned to which may decide a close case.
        looks = [self._look(each.place) for each in sorted((photo, other), key=lambda each: each.member)]
        likeness, boxes = 1.0, None
        side = min(photo.side, other.side)
        if side >= MIN_SIDE:
            likeness, boxes = compare_closely(*looks, mirrored=mirrored)
        return _Aligned(number, (looks[0].pixels, looks[1].pixels), likeness, boxes, mirrored, side)


Asked = tuple[int, list[int]]
"""The number of a photo and of those to compare it with."""


def compare_ahead(
    questions: Iterable[Asked], comparer: Comparer, read: Callable[[Any], Pixels], describe: Callable[[int], Subject]
) -> Iterator[tuple[Asked, Iterable[Comparison]]]:
    """Yield each question with its comparisons; after `FEW` questions, processes answer the next ones ahead.

    The caller may change, while it takes the answers, what the next questions are: it checks that an answer is that of
    the question it would ask now.

    Args:
        questions: what to compare.
        comparer: compares in this process.
        read: returns the pixels at a place; it must be possible to pickle it.
        describe: returns the photo of a number.
    """
    waiting: deque[tuple[Asked, Future[list[Comparison]]]] = deque()
    with ExitStack() as stack:
        pool = None
        for count, (photo, others) in enumerate(questions):
            if count < FEW or count_cores() == 1:
                yield (photo, others), comparer.compare(describe(photo), [describe(other) for other in others])
                continue
            if pool is None:
                context = multiprocessing.get_context("spawn")  # threads of this process may hold locks
                pool = ProcessPoolExecutor(count_cores(), context, _start, (read,))
                stack.callback(pool.shutdown, cancel_futures=True)
            answer = pool.submit(_compare, describe(photo), [describe(other) for other in others])
            waiting.append(((photo, others), answer))
            if len(waiting) > _AHEAD * count_cores():
                asked, answer = waiting.popleft()
                yield asked, answer.result()
        for asked, answer in waiting:
            yield asked, answer.result()


_comparer: Comparer
"""Of a process that compares for another."""


def _start(read: Callable[[Any], Pixels]) -> None:
    global _comparer  # noqa: PLW0603 - the only way to keep what a pool's process has
    _comparer = Comparer(read)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks is told, and ends this one
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _compare(photo: Subject, others: list[Subject]) -> list[Comparison]:
    return list(_comparer.compare(photo, others))
