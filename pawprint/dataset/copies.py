"""Decide what happens to near duplicates: which are left out, which stay together, and which are only reported.

A photo is left out only if it is the same picture as another one and keeping it would mislead: in training while it is
also in a test folder, or with two labels. Pictures of one scene are never left out; they stay on the same side of the
split, unless the dataset's own folders separate them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pawprint.dataset.evidence import Kinship
from pawprint.dataset.near_duplicates import NearDuplicate, NearDuplicates
from pawprint.dataset.splits import Candidate, LeftOut

_RANK = {"test": 0, "validation": 1}


@dataclass(frozen=True)
class Treatment:
    """The photos to use, and their groups, once near duplicates are known."""

    usable: list[Candidate]
    left_out: list[LeftOut]
    groups: list[frozenset[str]]
    """Photos that must be on the same side of the split."""
    shared: list[frozenset[str]]
    """Scenes that the dataset's own folders put on two sides, where they stay."""


def treat_near_duplicates(candidates: Sequence[Candidate], near: NearDuplicates, way: str) -> Treatment:
    """Return what to do with the photos.

    Args:
        candidates: The photos that may be used.
        near: The near duplicates among them.
        way: `group` (copies stay, on one side), `drop` (one copy stays) or `off` (none are searched for).
    """
    usable, left_out = drop_conflicts(candidates, near.copies_of_one_hand())
    if way == "drop":
        usable, others = keep_one_copy(usable, near.copies())
        left_out = sorted([*left_out, *others], key=lambda left: left.member)
    side = {c.member: c.named_split or "train" for c in candidates}
    groups: list[frozenset[str]] = []
    shared = []
    for group in near.groups():
        if len({side[member] for member in group if member in side}) > 1:
            # Only the same picture on two sides is a leak. Which scenes a test shows is the dataset author's choice.
            parts = [copies for copies in near.copies() if copies <= group]
            groups += parts
            if group not in parts:
                shared.append(group)
        else:
            groups.append(group)
    return Treatment(usable, left_out, groups, shared)


def drop_conflicts(
    candidates: Sequence[Candidate], copies: Iterable[Collection[str]]
) -> tuple[list[Candidate], list[LeftOut]]:
    """Leave out copies of one picture with two labels, as the right label is unknown.

    Copies in a test folder stay: a test set is used as published, and the report names the pair.

    Returns:
        The photos kept, in their order, and those left out with the reason, sorted by member name.
    """
    by_member = {c.member: c for c in candidates}
    reasons: dict[str, str] = {}
    for members in copies:
        present = sorted(member for member in members if member in by_member)
        labels = sorted({by_member[member].label for member in present})
        if len(labels) > 1:
            for member in present:
                if by_member[member].named_split != "test":
                    reasons[member] = f"near duplicates have the labels {' and '.join(labels)}"
    return _leave_out(candidates, reasons)


def keep_one_copy(
    candidates: Sequence[Candidate], copies: Iterable[Collection[str]]
) -> tuple[list[Candidate], list[LeftOut]]:
    """Keep one copy of each picture for each label: that of a test folder, else of a validation folder, else the first.

    Copies with two labels can only be mirror images here, and these may be two different things: b and d.

    Returns:
        The photos kept, in their order, and those left out with the reason, sorted by member name.
    """
    by_member = {c.member: c for c in candidates}
    reasons: dict[str, str] = {}
    for members in copies:
        present = [by_member[member] for member in members if member in by_member]
        kept: dict[str, str] = {}
        for c in sorted(present, key=lambda c: (_RANK.get(c.named_split or "", 2), c.member)):
            first = kept.setdefault(c.label, c.member)
            # A test folder stays as published, copies included.
            if first != c.member and c.named_split != "test":
                reasons[c.member] = f"copy of {first}"
    return _leave_out(candidates, reasons)


def order_by_gravity(
    pairs: Iterable[NearDuplicate], labels: Mapping[str, str], splits: Mapping[str, str]
) -> list[NearDuplicate]:
    """Return pairs, the most serious first: copies, then two labels, then two sides of the split, then likeness."""

    def gravity(pair: NearDuplicate) -> tuple[bool, bool, bool, float, str, str]:
        same_label = labels[pair.first] == labels[pair.second]
        same_split = splits[pair.first] == splits[pair.second]
        scene = pair.kinship is not Kinship.COPY
        return scene, same_label, same_split, -pair.likeness, pair.first, pair.second

    return sorted(pairs, key=gravity)


def _leave_out(candidates: Sequence[Candidate], reasons: Mapping[str, str]) -> tuple[list[Candidate], list[LeftOut]]:
    kept = [c for c in candidates if c.member not in reasons]
    return kept, [LeftOut(member, reason) for member, reason in sorted(reasons.items())]
