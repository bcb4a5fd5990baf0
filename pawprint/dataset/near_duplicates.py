"""Which photos are near duplicates: copies of one picture, or pictures of one scene.

Every photo's descriptor is compared with every other's by matrix products, block by block; what looks alike at a
glance is laid on each other and weighed (`evidence`). Time grows with the square of the photos only in those products
(a second for 20,000 photos), memory with their number (60 bytes each).

A group is a photo and what was compared with that very photo: no chain of weak links joins what nobody compared. Of
how like a set's different photos are, the set itself tells: where they are like, as digits are, less is believed.
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
"""Likeness of details from which on two photos are weighed (see `compare_closely`)."""
MIN_COSINE = 0.65
"""Cosine of two descriptors from which on a closer look is taken: one in 50,000 pairs of different photos."""
MAX_LOOKS, MAX_WEIGHED = 10, 5
"""Closer looks at the photos most alike at a glance, and weighings of those most alike on the closer look: thousands
of pictures of one pattern then take no hours."""
MAX_SCENE, MAX_SCENE_SHARE = 20, 0.1
"""A scene of more photos than both is all there is: a camera that never moved, which no split can keep apart."""

_BLOCK = 2**18
"""Pairs compared at once: few enough to need no memory to speak of, and many, since a product has a start-up cost."""
_LOOKS_KEPT = 64
"""Photos whose details are kept while they are compared with others: ten megabytes."""
_SAMPLE = 40
"""Photos by which a set is judged."""
_STRANGER = 25
"""Place in the ranking of the photos most like one at which hardly a copy of it stands."""
_FEW_STRANGERS, _CAUTION = 0.05, 0.45
"""The least different of this share of strangers, times this, is the most that copies may differ by."""
_MANY_PIXELS, _GREAT_CAUTION = 32, 0.35
"""A side in pixels, and the factor below it, where chance makes more pictures the same."""
_UNKNOWN = 1.5
"""The most that copies may differ by in a set of too few photos to tell."""
_SIDES = (8, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256)
"""Sides in pixels for which a set is judged apart: the fewer pixels are seen, the more photos look the same."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two photos that show the same picture, or one scene."""

    first: str
    """Member of the photo that stands for its group."""
    second: str
    kinship: Kinship
    likeness: float
    """Of their details, `MIN_LIKENESS` to 1."""
    difference: float
    """The largest local one, in units of what storing a copy badly does."""
    mirrored: bool


@dataclass(frozen=True)
class _Comparison:
    """A photo laid on one before it."""

    photo: int
    other: int
    pixels: tuple[Pixels, Pixels]
    likeness: float
    boxes: tuple[Box, Box] | None
    """None where there are too few pixels to lay on each other."""
    mirrored: bool

    def weigh(self, side: int) -> Evidence:
        """Return what they differ by, seen at so many pixels a side."""
        if self.boxes is None:
            return weigh_tiny(*self.pixels, mirrored=self.mirrored)
        return weigh(*self.pixels, self.boxes, mirrored=self.mirrored, side=side)


class NearDuplicates:
    """The near duplicates among photos that come one after another.

    Attributes:
        pairs: Those that join the photos to groups: each with the photo that stands for its group.
    """

    def __init__(self, read: Callable[[str], Pixels]) -> None:
        """Begin without photos.

        Args:
            read: gives a member's pixels, uint8 `[side, side, 3]`.
        """
        self.pairs: list[NearDuplicate] = []
        self._looks = lru_cache(_LOOKS_KEPT)(lambda number: Look(read(self._members[number])))
        self._members: list[str] = []
        self._descriptors: list[Descriptor] = []
        self._sides: list[int] = []
        self._copy_of: npt.NDArray[np.int64] = np.arange(0)
        """For each photo compared so far, the one that stands for its copies."""
        self._scene_of: npt.NDArray[np.int64] = np.arange(0)
        """The same for its scene."""
        self._limits: dict[int, float] = {}

    def add(self, member: str, descriptor: Descriptor, side: int = _SIDES[-1]) -> None:
        """Take a photo, which `search` will compare.

        Args:
            member: Its name.
            descriptor: Of `describe`.
            side: Pixels of the shorter edge of its file: with fewer than are stored, less is believed.
        """
        self._members.append(member)
        self._descriptors.append(descriptor)
        self._sides.append(side)

    def search(self) -> None:
        """Compare the photos added since the last search with all."""
        table = np.array(self._descriptors, np.float32).reshape(-1, NUM_COEFFICIENTS)
        known = len(self._copy_of)
        if len(table) > 2 * known:
            self._limits = {}  # another set by now: judge it anew
        added = np.arange(known, len(table))
        self._copy_of = np.concatenate([self._copy_of, added])
        self._scene_of = np.concatenate([self._scene_of, added])
        for photo, cosines in _compare_all(table, known):
            self._look_closely(photo, cosines)

    def copies(self) -> list[frozenset[str]]:
        """Return the members of each group of copies of one picture, in the order they came."""
        return self._join(self._copy_of)

    def copies_of_one_hand(self) -> list[frozenset[str]]:
        """Return the same without mirror images of one another: a mirrored d may be meant as a b."""
        mirrored = {pair.second: pair.mirrored for pair in self.pairs if pair.kinship is Kinship.COPY}
        return [
            frozenset(same)
            for group in self.copies()
            for way in (False, True)
            if len(same := [member for member in group if mirrored.get(member, False) is way]) > 1
        ]

    def groups(self) -> list[frozenset[str]]:
        """Return the groups none of which may stand on two sides: of copies, and of scenes that are not too large."""
        large = set().union(*self.too_large())
        small = [group for group in self._join(self._scene_of) if not group <= large]
        return small + [group for group in self.copies() if group <= large]

    def too_large(self) -> list[frozenset[str]]:
        """Return the scenes of so many photos that they can't stand on one side."""
        most = max(MAX_SCENE, MAX_SCENE_SHARE * len(self._members))
        return [group for group in self._join(self._scene_of) if len(group) > most]

    def _look_closely(self, photo: int, cosines: npt.NDArray[np.float32]) -> None:
        """Compare a photo with those before it that look like it, until it has found its copies."""
        pending = np.flatnonzero(cosines)
        pending = pending[np.argsort(-cosines[pending], kind="stable")]
        # The photo that stands for all of its copies: what is no copy of that one is no copy at all.
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
        """Put a photo into another's scene, if it shares that with the photo that stands for it as well."""
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
        # Sorted, since which lies on which may decide a close case.
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
        """Return by how much copies may differ in this set, seen at so many pixels a side."""
        seen = max((each for each in _SIDES if each <= side), default=_SIDES[0])
        if seen not in self._limits:
            self._limits[seen] = self._measure_strangers(seen)
        return self._limits[seen]

    def _measure_strangers(self, side: int) -> float:
        """Find how little photos differ that are like each other but can hardly be copies."""
        if len(self._copy_of) <= _STRANGER:
            return _UNKNOWN
        table = np.array(self._descriptors, np.float32)
        lengths = np.maximum(1.0, np.sqrt((table * table).sum(axis=1)))
        large = [n for n in range(len(table)) if self._sides[n] >= side and table[n].any()]
        by_name = sorted(large, key=lambda number: self._members[number])
        differences = []
        for photo in by_name[:: max(1, -(-len(by_name) // _SAMPLE))]:
            alike = np.maximum(table @ table[photo], table @ (table[photo] * MIRROR)) / lengths
            order = np.argsort(-alike, kind="stable")
            strangers = [int(n) for n in order if self._sides[n] >= side and n != photo]
            if len(strangers) >= _STRANGER:
                evidence = self._look(photo, strangers[_STRANGER - 1]).weigh(side)
                # Where the grain tells them apart, the rest need not.
                differences.append(evidence.difference if evidence.same_shot else np.inf)
        if len(differences) < _SAMPLE // 4:
            return _UNKNOWN
        few = float(np.quantile(differences, _FEW_STRANGERS, method="lower"))
        return min(MAX_DIFFERENCE, few * (_CAUTION if side >= _MANY_PIXELS else _GREAT_CAUTION))

    def _join(self, heads: npt.NDArray[np.int64]) -> list[frozenset[str]]:
        joined: dict[int, list[str]] = defaultdict(list)
        for member, head in zip(self._members, heads, strict=False):
            joined[int(head)].append(member)
        return [frozenset(members) for members in joined.values() if len(members) > 1]


def _compare_all(table: npt.NDArray[np.float32], known: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yield each new photo that looks like one before it, with the cosines to those, or 0 below `MIN_COSINE`.

    Args:
        table: float32 `[photos, NUM_COEFFICIENTS]`, of whole numbers.
        known: How many of the first photos have been compared before.
    """
    # Whole numbers below 2^24: float32 adds them exactly, in whatever order.
    lengths = np.sqrt((table * table).sum(axis=1))
    step = max(1, _BLOCK // max(1, len(table)))
    for start in tqdm(range(known, len(table), step), desc="comparing photos", unit="block", disable=None, delay=2):
        block = table[start : start + step]
        others = table[: start + len(block)].T
        alike = np.maximum(block @ others, (block * MIRROR) @ others)
        longest = np.outer(lengths[start : start + len(block)], lengths[: start + len(block)])
        # A blank photo's descriptor has no length and is like none.
        alike[(alike < MIN_COSINE * longest) | (longest == 0)] = 0
        for row in np.flatnonzero(alike.any(axis=1)):
            photo = start + int(row)
            if alike[row, :photo].any():
                yield photo, alike[row, :photo]
