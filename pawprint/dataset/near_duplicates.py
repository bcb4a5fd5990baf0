"""Find near duplicates: copies of one picture, or pictures of one scene.

Every photo's descriptor is compared with every other's (`alike`). Photos that look alike are aligned and compared
closely (`comparisons`, `evidence`). Only the former grows with the square of the number of photos: half a second of two
cores for 20,000, minutes for a million. Memory grows with their number, by 275 bytes each for the search.

A group is a photo and those that matched this very photo: no chain of weak matches connects photos that were never
compared. The set itself shows how alike its different photos are: in a set of similar photos, such as digits, a match
must be closer.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.dataset.alike import find_alike
from pawprint.dataset.comparisons import Asked, Comparer, Comparison, Subject, compare_ahead
from pawprint.dataset.evidence import MAX_DIFFERENCE, NOTHING_ALIKE, Kinship
from pawprint.dataset.likeness import MIRROR, NUM_COEFFICIENTS, Descriptor, Pixels

MAX_LOOKS = 10
"""Most comparisons of details for a photo, with its most similar descriptors: thousands of pictures of one pattern
would otherwise take hours."""
MAX_SCENE, MAX_SCENE_SHARE = 20, 0.1
"""A scene with more photos than both limits is the whole set: a fixed camera, which no split can separate."""

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


class NearDuplicates:
    """The near duplicates among photos that are added one after another.

    Attributes:
        pairs: The pairs that connect photos to groups, each with the photo that represents its group.
    """

    def __init__(self, read: Callable[[Any], Pixels]) -> None:
        """Start without photos.

        Args:
            read: Returns the pixels at a place, uint8 `[side, side, 3]`. With many photos it is pickled.
        """
        self.pairs: list[NearDuplicate] = []
        self._read = read
        self._comparer = Comparer(read)
        self._members: list[str] = []
        self._places: list[Any] = []
        self._descriptors = bytearray()  # one after another: an array for each photo would take three times the memory
        self._sides: list[int] = []
        self._copy_of: npt.NDArray[np.int64] = np.arange(0)
        """For each photo compared so far, the photo that represents its copies."""
        self._scene_of: npt.NDArray[np.int64] = np.arange(0)
        """For each photo compared so far, the photo that represents its scene."""
        self._limits: dict[int, float] = {}

    def add(self, member: str, descriptor: Descriptor, side: int = _SIDES[-1], *, place: Any = None) -> None:
        """Add a photo, to be compared by the next `search`.

        Args:
            member: Its name.
            descriptor: The result of `describe`.
            side: Shorter edge in pixels of its file: if it is smaller than the stored pixels, a match must be closer.
            place: Where its pixels are read; None if that is its name.
        """
        self._members.append(member)
        self._places.append(member if place is None else place)
        self._descriptors += descriptor.tobytes()
        self._sides.append(side)

    def search(self) -> None:
        """Compare the photos added since the last search with all photos."""
        table = self._table()
        known = len(self._copy_of)
        if len(table) > 2 * known:
            self._limits = {}  # the set has changed: judge it again
        added = np.arange(known, len(table))
        self._copy_of = np.concatenate([self._copy_of, added])
        self._scene_of = np.concatenate([self._scene_of, added])
        alike = dict[int, npt.NDArray[np.int64]]()  # of the photos whose turn is to come

        def ask() -> Iterator[Asked]:
            for photo, others in find_alike(table, known):
                alike[photo] = others
                yield photo, self._choose(others)

        for (photo, asked), answer in compare_ahead(ask(), self._comparer, self._read, self._subject):
            others = self._choose(alike.pop(photo))
            if others == asked:
                self._place(photo, others, answer)
            else:  # a photo shortly before this one turned out to be a copy
                subjects = [self._subject(other) for other in others]
                self._place(photo, others, self._comparer.compare(self._subject(photo), subjects))

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

    def _table(self) -> npt.NDArray[np.int8]:
        return np.frombuffer(bytes(self._descriptors), np.int8).reshape(-1, NUM_COEFFICIENTS)

    def _subject(self, number: int) -> Subject:
        start = number * NUM_COEFFICIENTS
        descriptor = np.frombuffer(self._descriptors[start : start + NUM_COEFFICIENTS], np.int8)
        return Subject(self._members[number], self._places[number], descriptor, self._sides[number])

    def _choose(self, alike: npt.NDArray[np.int64]) -> list[int]:
        """Return those to compare closely of the photos that look like one."""
        # Only with the photo that represents its copies: a photo that does not match that one is not a copy.
        return list(islice(dict.fromkeys(self._copy_of[alike].tolist()), MAX_LOOKS))

    def _place(self, photo: int, others: list[int], compared: Iterable[Comparison]) -> None:
        """Add a photo to its copies or its scene, if it has any."""
        scene: NearDuplicate | None = None
        for comparison in compared:
            other = others[comparison.other]
            pair = self._judge(photo, other, comparison)
            if pair.kinship is Kinship.COPY:
                self._copy_of[photo], self._scene_of[photo] = other, self._scene_of[other]
                self.pairs.append(pair)
                return
            if pair.kinship is Kinship.SCENE and scene is None:
                scene = self._find_scene(photo, other, pair)
        if scene is not None:
            self.pairs.append(scene)

    def _find_scene(self, photo: int, other: int, pair: NearDuplicate) -> NearDuplicate | None:
        """Add a photo to another's scene, if it also shares the scene with the photo that represents it."""
        head = int(self._scene_of[other])
        if head != other:
            pair = self._judge(photo, head, self._comparer.compare_two(self._subject(photo), self._subject(head)))
            if pair.kinship is Kinship.NONE:
                return None
        self._scene_of[photo] = head
        return pair

    def _judge(self, photo: int, other: int, found: Comparison) -> NearDuplicate:
        side = min(self._sides[photo], self._sides[other])
        evidence = found.evidence
        kinship = evidence.judge(self._limit(side)) if evidence != NOTHING_ALIKE else Kinship.NONE
        first, second = self._members[other], self._members[photo]
        return NearDuplicate(first, second, kinship, found.likeness, evidence.difference, found.mirrored)

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
        table = self._table().astype(np.float32)
        lengths = np.maximum(1.0, np.sqrt(np.einsum("ij,ij->i", table, table)))
        large = [n for n in range(len(table)) if self._sides[n] >= side and table[n].any()]
        by_name = sorted(large, key=lambda number: self._members[number])
        differences = []
        for photo in by_name[:: max(1, -(-len(by_name) // _SAMPLE))]:
            alike = np.maximum(table @ table[photo], table @ (table[photo] * MIRROR)) / lengths
            order = np.argsort(-alike, kind="stable")
            strangers = [int(n) for n in order if self._sides[n] >= side and n != photo]
            if len(strangers) >= _STRANGER_RANK:
                stranger = strangers[_STRANGER_RANK - 1]
                evidence = self._comparer.weigh_strangers(self._subject(photo), self._subject(stranger), side)
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
