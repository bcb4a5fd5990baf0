"""Find near duplicates: copies of one picture, or pictures of one scene.

Every photo's descriptor is compared with every other's by matrix products, block by block. Photos that look alike are
aligned and compared closely (`evidence`). Only the matrix products grow with the square of the number of photos (a
second for 20,000 photos); memory grows with their number (60 bytes each).

A group is a photo and those that matched this very photo: no chain of weak matches connects photos that were never
compared. The set itself shows how alike its different photos are: in a set of similar photos, such as digits, a match
must be closer.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pawprint.dataset.evidence import MAX_DIFFERENCE, MIN_SIDE, NOTHING_ALIKE, Evidence, Kinship, weigh, weigh_tiny
from pawprint.dataset.likeness import MIRROR, NUM_COEFFICIENTS, Box, Descriptor, Look, Pixels, compare_closely

MIN_LIKENESS = 0.72
"""Likeness of details from which two photos are compared closely (see `compare_closely`)."""
MIN_COSINE = 0.65
"""Cosine of two descriptors from which the details are compared: one in 50,000 pairs of different photos."""
MAX_LOOKS, MAX_WEIGHED = 10, 5
"""Most comparisons of details for a photo, with its most similar descriptors, and most close comparisons after that:
thousands of pictures of one pattern would otherwise take hours."""
MAX_SCENE, MAX_SCENE_SHARE = 20, 0.1
"""A scene with more photos than both limits is the whole set: a fixed camera, which no split can separate."""

_BLOCK = 2**18
"""Pairs compared at once: few enough to save memory, and enough to outweigh the start-up cost of a product."""
_LOOKS_KEPT = 64
"""Photos whose details stay in memory while they are compared with others: ten megabytes."""
_SAMPLE = 40
"""Photos that are sampled to judge a set."""
_STRANGER_RANK = 25
"""Rank, among the photos most similar to one, at which a copy is hardly to be expected."""
_STRANGER_SHARE, _FACTOR = 0.05, 0.45
"""A share of the strangers in a set, and a factor: copies may differ by at most the factor times the difference that
only this share of strangers stays below."""
_SMALL_SIDE, _SMALL_FACTOR = 32, 0.35
"""Side in pixels, and the stricter factor for smaller photos, of which more look the same by chance."""
_DEFAULT_LIMIT = 1.5
"""Largest difference of copies in a set of too few photos to judge."""
_SIDES = (8, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256)
"""Sides in pixels for which a set is judged separately: with fewer pixels, more photos look the same."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two photos that show the same picture, or one scene."""

    first: str
    """Member of the photo that represents its group."""
    second: str
    kinship: Kinship
    likeness: float
    """Likeness of their details, `MIN_LIKENESS` to 1."""
    difference: float
    """Their largest local difference, in units of what a bad copy would cause there."""
    mirrored: bool


@dataclass(frozen=True)
class _Comparison:
    """A photo aligned with an earlier one."""

    photo: int
    other: int
    pixels: tuple[Pixels, Pixels]
    likeness: float
    boxes: tuple[Box, Box] | None
    """None if they have too few pixels to align."""
    mirrored: bool

    def weigh(self, side: int) -> Evidence:
        """Return their differences, seen at a side of so many pixels."""
        if self.boxes is None:
            return weigh_tiny(*self.pixels, mirrored=self.mirrored)
        return weigh(*self.pixels, self.boxes, mirrored=self.mirrored, side=side)


class NearDuplicates:
    """The near duplicates among photos that are added one after another.

    Attributes:
        pairs: The pairs that connect photos to groups, each with the photo that represents its group.
    """

    def __init__(self, read: Callable[[str], Pixels]) -> None:
        """Start without photos.

        Args:
            read: Returns a member's pixels, uint8 `[side, side, 3]`.
        """
        self.pairs: list[NearDuplicate] = []
        self._looks = lru_cache(_LOOKS_KEPT)(lambda number: Look(read(self._members[number])))
        self._members: list[str] = []
        self._descriptors: list[Descriptor] = []
        self._sides: list[int] = []
        self._copy_of: npt.NDArray[np.int64] = np.arange(0)
        """For each photo compared so far, the photo that represents its copies."""
        self._scene_of: npt.NDArray[np.int64] = np.arange(0)
        """For each photo compared so far, the photo that represents its scene."""
        self._limits: dict[int, float] = {}

    def add(self, member: str, descriptor: Descriptor, side: int = _SIDES[-1]) -> None:
        """Add a photo, to be compared by the next `search`.

        Args:
            member: Its name.
            descriptor: The result of `describe`.
            side: Shorter edge in pixels of its file: if it is smaller than the stored pixels, a match must be closer.
        """
        self._members.append(member)
        self._descriptors.append(descriptor)
        self._sides.append(side)

    def search(self) -> None:
        """Compare the photos added since the last search with all photos."""
        table = np.array(self._descriptors, np.float32).reshape(-1, NUM_COEFFICIENTS)
        known = len(self._copy_of)
        if len(table) > 2 * known:
            self._limits = {}  # the set has changed: judge it again
        added = np.arange(known, len(table))
        self._copy_of = np.concatenate([self._copy_of, added])
        self._scene_of = np.concatenate([self._scene_of, added])
        for photo, cosines in _compare_all(table, known):
            self._look_closely(photo, cosines)

    def copies(self) -> list[frozenset[str]]:
        """Return the members of each group of copies of one picture, in the order they were added."""
        return self._join(self._copy_of)

    def copies_of_one_hand(self) -> list[frozenset[str]]:
        """Return the same groups without mirror images: a mirrored d may be meant as a b."""
        mirrored = {pair.second: pair.mirrored for pair in self.pairs if pair.kinship is Kinship.COPY}
        return [
            frozenset(same)
            for group in self.copies()
            for way in (False, True)
            if len(same := [member for member in group if mirrored.get(member, False) is way]) > 1
        ]

    def groups(self) -> list[frozenset[str]]:
        """Return the groups that must stay on one side: copies, and scenes that are not too large."""
        large = set().union(*self.too_large())
        small = [group for group in self._join(self._scene_of) if not group <= large]
        return small + [group for group in self.copies() if group <= large]

    def too_large(self) -> list[frozenset[str]]:
        """Return the scenes with too many photos to stay on one side."""
        most = max(MAX_SCENE, MAX_SCENE_SHARE * len(self._members))
        return [group for group in self._join(self._scene_of) if len(group) > most]

    def _look_closely(self, photo: int, cosines: npt.NDArray[np.float32]) -> None:
        """Compare a photo with similar earlier ones, until its copies are found."""
        pending = np.flatnonzero(cosines)
        pending = pending[np.argsort(-cosines[pending], kind="stable")]
        # Only with the photo that represents its copies: a photo that does not match that one is not a copy.
        others = dict.fromkeys(int(self._copy_of[candidate]) for candidate in pending)
        looks = [self._look(photo, other) for other in islice(others, MAX_LOOKS)]
        looks = [look for look in looks if look.likeness >= MIN_LIKENESS]
        scene: NearDuplicate | None = None
        for look in sorted(looks, key=lambda look: -look.likeness)[:MAX_WEIGHED]:
            pair = self._judge(look)
            if pair.kinship is Kinship.COPY:
                self._copy_of[photo], self._scene_of[photo] = look.other, self._scene_of[look.other]
                self.pairs.append(pair)
                return
            if pair.kinship is Kinship.SCENE and scene is None:
                scene = self._find_scene(photo, look.other, pair)
        if scene is not None:
            self.pairs.append(scene)

    def _find_scene(self, photo: int, other: int, pair: NearDuplicate) -> NearDuplicate | None:
        """Add a photo to another's scene, if it also shares the scene with the photo that represents it."""
        head = int(self._scene_of[other])
        if head != other:
            pair = self._judge(self._look(photo, head))
            if pair.kinship is Kinship.NONE:
                return None
        self._scene_of[photo] = head
        return pair

    def _look(self, photo: int, other: int) -> _Comparison:
        one, another = (self._descriptors[number].astype(np.int64) for number in (photo, other))
        mirrored = bool(((one * MIRROR) @ another) > one @ another)
        # Sorted, because which photo is aligned to which may decide a close case.
        first, second = sorted((photo, other), key=lambda number: self._members[number])
        looks = self._looks(first), self._looks(second)
        likeness, boxes = 1.0, None
        if min(self._sides[photo], self._sides[other]) >= MIN_SIDE:
            likeness, boxes = compare_closely(*looks, mirrored=mirrored)
        return _Comparison(photo, other, (looks[0].pixels, looks[1].pixels), likeness, boxes, mirrored)

    def _judge(self, look: _Comparison) -> NearDuplicate:
        side = min(self._sides[look.photo], self._sides[look.other])
        evidence = look.weigh(side) if look.likeness >= MIN_LIKENESS else NOTHING_ALIKE
        kinship = evidence.judge(self._limit(side)) if evidence is not NOTHING_ALIKE else Kinship.NONE
        first, second = self._members[look.other], self._members[look.photo]
        return NearDuplicate(first, second, kinship, look.likeness, evidence.difference, look.mirrored)

    def _limit(self, side: int) -> float:
        """Return the largest difference of copies in this set, seen at a side of so many pixels."""
        seen = max((each for each in _SIDES if each <= side), default=_SIDES[0])
        if seen not in self._limits:
            self._limits[seen] = self._measure_strangers(seen)
        return self._limits[seen]

    def _measure_strangers(self, side: int) -> float:
        """Return how little photos differ that look alike but are hardly copies."""
        if len(self._copy_of) <= _STRANGER_RANK:
            return _DEFAULT_LIMIT
        table = np.array(self._descriptors, np.float32)
        lengths = np.maximum(1.0, np.sqrt((table * table).sum(axis=1)))
        large = [n for n in range(len(table)) if self._sides[n] >= side and table[n].any()]
        by_name = sorted(large, key=lambda number: self._members[number])
        differences = []
        for photo in by_name[:: max(1, -(-len(by_name) // _SAMPLE))]:
            alike = np.maximum(table @ table[photo], table @ (table[photo] * MIRROR)) / lengths
            order = np.argsort(-alike, kind="stable")
            strangers = [int(n) for n in order if self._sides[n] >= side and n != photo]
            if len(strangers) >= _STRANGER_RANK:
                evidence = self._look(photo, strangers[_STRANGER_RANK - 1]).weigh(side)
                # If the noise differs, the rest does not matter.
                differences.append(evidence.difference if evidence.same_shot else np.inf)
        if len(differences) < _SAMPLE // 4:
            return _DEFAULT_LIMIT
        few = float(np.quantile(differences, _STRANGER_SHARE, method="lower"))
        return min(MAX_DIFFERENCE, few * (_FACTOR if side >= _SMALL_SIDE else _SMALL_FACTOR))

    def _join(self, representatives: npt.NDArray[np.int64]) -> list[frozenset[str]]:
        joined: dict[int, list[str]] = defaultdict(list)
        for member, first in zip(self._members, representatives, strict=False):
            joined[int(first)].append(member)
        return [frozenset(members) for members in joined.values() if len(members) > 1]


def _compare_all(table: npt.NDArray[np.float32], known: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield each new photo that looks like an earlier one, with its cosines to all of those, 0 below `MIN_COSINE`.

    Args:
        table: float32 `[photos, NUM_COEFFICIENTS]`, of whole numbers.
        known: Number of photos, from the first, that are already compared.
    """
    # Whole numbers below 2^24: float32 adds them exactly, in any order.
    lengths = np.sqrt((table * table).sum(axis=1))
    step = max(1, _BLOCK // max(1, len(table)))
    for start in tqdm(range(known, len(table), step), desc="comparing photos", unit="block", disable=None, delay=2):
        block = table[start : start + step]
        others = table[: start + len(block)].T
        alike = np.maximum(block @ others, (block * MIRROR) @ others)
        longest = np.outer(lengths[start : start + len(block)], lengths[: start + len(block)])
        # A blank photo's descriptor has length zero and matches none.
        alike[(alike < MIN_COSINE * longest) | (longest == 0)] = 0
        for row in np.flatnonzero(alike.any(axis=1)):
            photo = start + int(row)
            if alike[row, :photo].any():
                yield photo, alike[row, :photo]
