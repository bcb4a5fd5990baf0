"""Which photos are near duplicates: the same picture in another size, format, quality, crop, or mirrored.

Every photo's descriptor is compared with every other's by matrix products, block by block; what looks alike at a
glance is then compared closely. Time grows with the square of the photos only in those products (a second for 20,000
photos), memory with their number (55 bytes each).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pawprint.dataset.likeness import MIRROR, NUM_COEFFICIENTS, Descriptor, Pixels, compare_closely
from pawprint.dataset.splits import Candidate, LeftOut

MIN_LIKENESS = 0.8
"""Likeness of details from which on two photos are near duplicates (see `compare_closely`)."""
MIN_COSINE = 0.65
"""Cosine of two descriptors from which on a closer look is taken: one in 50,000 pairs of different photos."""
MAX_MISSES = 5
"""Closer looks in vain after which a photo is let go, so that thousands of pictures of one pattern take no hours."""
MAX_GROUP, MAX_GROUP_SHARE = 20, 0.1
"""A group of more photos than both is no photo and its copies but a camera that never moved, or a pattern."""
_BLOCK = 2**18
"""Pairs compared at once: few enough to need no memory to speak of, and many, since a product has a start-up cost."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two photos that show the same picture."""

    first: str
    second: str
    """Members."""
    likeness: float
    """Of their details, `MIN_LIKENESS` to 1."""
    mirrored: bool


class NearDuplicates:
    """The near duplicates among photos that come one after another.

    Attributes:
        pairs: those that join the photos to groups, so one less than photos in each group.
    """

    def __init__(self, read: Callable[[str], Pixels]) -> None:
        """Begins without photos.

        Args:
            read: gives a member's pixels, uint8 `[side, side, 3]`.
        """
        self.pairs: list[NearDuplicate] = []
        self._read = read
        self._members: list[str] = []
        self._descriptors: list[Descriptor] = []
        self._groups: npt.NDArray[np.int64] = np.arange(0)
        """A number for each photo compared so far, the same within a group."""

    @property
    def _compared(self) -> int:
        return len(self._groups)

    def add(self, member: str, descriptor: Descriptor) -> None:
        """Takes a photo, which `search` will compare."""
        self._members.append(member)
        self._descriptors.append(descriptor)

    def search(self) -> None:
        """Compares the photos added since the last search with all."""
        table = np.array(self._descriptors, np.float32).reshape(-1, NUM_COEFFICIENTS)
        # Whole numbers below 2^24: float32 adds them exactly, in whatever order.
        lengths = np.sqrt((table * table).sum(axis=1))
        step = max(1, _BLOCK // max(1, len(table)))
        blocks = range(self._compared, len(table), step)
        self._groups = np.concatenate([self._groups, np.arange(self._compared, len(table))])
        for start in tqdm(blocks, desc="comparing photos", unit="block", disable=None, delay=2):
            block = table[start : start + step]
            straight = block @ table[: start + len(block)].T
            mirrored = (block * MIRROR) @ table[: start + len(block)].T
            alike = np.maximum(straight, mirrored)
            enough = MIN_COSINE * np.outer(lengths[start : start + len(block)], lengths[: start + len(block)])
            # A blank photo's descriptor has no length and is like none.
            alike[(alike < enough) | (enough == 0)] = 0
            for row in np.flatnonzero(alike.any(axis=1)):
                photo = start + int(row)
                self._look_closely(photo, alike[row, :photo], mirrored[row] > straight[row])

    def groups(self) -> list[frozenset[str]]:
        """Returns the members of each group of near duplicates, in the order they came."""
        return [group for group in self._join() if not self._is_too_large(group)]

    def too_large(self) -> list[frozenset[str]]:
        """Returns the groups that are no photo and its copies, and are left as they are."""
        return [group for group in self._join() if self._is_too_large(group)]

    def _is_too_large(self, group: Collection[str]) -> bool:
        return len(group) > max(MAX_GROUP, MAX_GROUP_SHARE * len(self._members))

    def _look_closely(self, photo: int, alike: npt.NDArray[np.float32], mirrored: npt.NDArray[np.bool_]) -> None:
        groups, misses = self._groups, 0
        pending = np.flatnonzero(alike)
        pending = pending[np.argsort(-alike[pending], kind="stable")]
        pixels = self._read(self._members[photo]) if len(pending) else None
        while len(pending) and pixels is not None and misses < MAX_MISSES:
            other, pending = int(pending[0]), pending[1:]
            likeness = compare_closely(self._read(self._members[other]), pixels, mirrored=bool(mirrored[other]))
            # Its own copies would give the same answer: one of a group is enough.
            pending = pending[groups[pending] != groups[other]]
            if likeness < MIN_LIKENESS:
                misses += 1
                continue
            first, second = sorted((self._members[photo], self._members[other]))
            self.pairs.append(NearDuplicate(first, second, likeness, bool(mirrored[other])))
            groups[groups == groups[photo]] = groups[other]

    def _join(self) -> list[frozenset[str]]:
        joined: dict[int, list[str]] = defaultdict(list)
        for member, group in zip(self._members[: self._compared], self._groups, strict=True):
            joined[int(group)].append(member)
        return [frozenset(members) for members in joined.values() if len(members) > 1]


def drop_conflicts(
    candidates: Sequence[Candidate], groups: Iterable[Collection[str]]
) -> tuple[list[Candidate], list[LeftOut]]:
    """Leaves out near duplicates that stand under two labels, since nobody can say which one is right.

    What a test folder holds stays there: a test set is used as its maker published it, and the report names the pair.

    Returns:
        The photos kept, in their order, and those left out with the reason, sorted by member name.
    """
    by_member = {c.member: c for c in candidates}
    reasons: dict[str, str] = {}
    for members in groups:
        present = sorted(member for member in members if member in by_member)
        labels = sorted({by_member[member].label for member in present})
        if len(labels) > 1:
            for member in present:
                if by_member[member].named_split != "test":
                    reasons[member] = f"near duplicates stand under {' and '.join(labels)}"
    kept = [c for c in candidates if c.member not in reasons]
    return kept, [LeftOut(member, reason) for member, reason in sorted(reasons.items())]


def order_by_gravity(
    pairs: Iterable[NearDuplicate], labels: Mapping[str, str], splits: Mapping[str, str]
) -> list[NearDuplicate]:
    """Returns pairs with what matters most first: two labels, then two sides of the split, then likeness."""

    def gravity(pair: NearDuplicate) -> tuple[bool, bool, float, str, str]:
        same_label = labels[pair.first] == labels[pair.second]
        same_split = splits[pair.first] == splits[pair.second]
        return same_label, same_split, -pair.likeness, pair.first, pair.second

    return sorted(pairs, key=gravity)
