"""Read every photo once: its digest, when it was taken, whether it may have deep pixels; here or by other processes."""

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.cluster import Workers
from pawprint.dataset.brightness import may_be_deep
from pawprint.dataset.exif import Taken, read_taken
from pawprint.dataset.selection import map_in_order
from pawprint.dataset.splits import Candidate, LeftOut
from pawprint.photos.collection import Photo, PhotoCollection

MOST_TAKEN = 1000
"""Photos, in the order of their names, whose times are read to find bursts."""


@dataclass(frozen=True)
class MemberReader:
    """Reads members by name; it can be sent to another process.

    Attributes:
        photos: the photos.
        by_member: these by name.
        others: reads the members that are not among them.
    """

    photos: PhotoCollection
    by_member: Mapping[str, Photo]
    others: "MemberReader | None" = None

    def __call__(self, member: str) -> bytes:
        """Return a member's bytes."""
        if self.others and member not in self.by_member:
            return self.others(member)
        return self.photos.read(self.by_member[member])


def digest_members(
    read: MemberReader, pool: Executor | Workers, *, all_taken: bool
) -> tuple[list[Candidate], list[LeftOut], dict[str, Taken], set[str]]:
    """Return the readable photos, the damaged ones, when photos were taken, and which may have deep pixels.

    Args:
        read: the photos.
        pool: the threads, or the workers of a cluster, that read.
        all_taken: whether the times of all photos are wanted, or only those of the first `MOST_TAKEN`.
    """
    in_order_of_name = sorted(read.by_member, key=lambda name: (name.rsplit("/", 1)[-1], name))
    looked_at = frozenset(in_order_of_name if all_taken else in_order_of_name[:MOST_TAKEN])
    candidates: list[Candidate] = []
    damaged: list[LeftOut] = []
    taken: dict[str, Taken] = {}
    deep: set[str] = set()
    digest = partial(_digest, read, looked_at)
    for result, when, may_be in map_in_order(pool, digest, sorted(read.by_member), "reading photos"):
        if isinstance(result, LeftOut):
            damaged.append(result)
            continue
        candidates.append(result)
        if when:
            taken[result.member] = when
        if may_be:
            deep.add(result.member)
    return candidates, damaged, taken, deep


def _digest(
    read: MemberReader, looked_at: Collection[str], member: str
) -> tuple[Candidate | LeftOut, Taken | None, bool]:
    """Return a photo with its digest, when it was taken if that is looked at, and whether it may have deep pixels."""
    photo = read.by_member[member]
    try:
        data = read(member)
    except UnreadableMemberError as reason:
        return LeftOut(member, f"unreadable: {reason}"), None, False
    candidate = Candidate(member, photo.label, photo.split, hashlib.sha256(data).hexdigest(), columns=photo.columns)
    return candidate, read_taken(data) if member in looked_at else None, may_be_deep(data)
