"""Which photos are used, and for what: train, validation or test.

Pure functions of names, labels and digests: the same photos and the same seed give the same split on every
machine, in whatever order the photos come.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

SPLITS = ("train", "validation", "test")
TEST_FRACTION = 0.2
"""Share of each class that is test where the photos name no test folder and no number was asked for."""


@dataclass(frozen=True)
class Candidate:
    """One photo that could be used."""

    member: str
    label: str
    named_split: str | None
    """`train`, `validation` or `test` where a folder says so."""
    sha256: str
    """Of the photo's bytes, in hex."""


@dataclass(frozen=True)
class LeftOut:
    """One photo that is not used, though it could be read, and why."""

    member: str
    reason: str


def drop_duplicates(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[LeftOut]]:
    """Keeps one copy of each photo, so that no copy can stand on the other side of a split.

    Of equal bytes the copy in a test folder is kept, then the one in a validation folder, then the first by name:
    a photo of the test set must not be trained on, and the test set must stay as its maker published it. Equal
    bytes under two labels are left out altogether, since nobody can say which label is right.

    Returns:
        The photos kept, sorted by member name, and those left out with the reason.
    """
    copies: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        copies[candidate.sha256].append(candidate)
    rank = {"test": 0, "validation": 1}
    kept: list[Candidate] = []
    left_out: list[LeftOut] = []
    for group in copies.values():
        first, *others = sorted(group, key=lambda c: (rank.get(c.named_split or "", 2), c.member))
        labels = sorted({c.label for c in group})
        if len(labels) > 1:
            reason = f"the same photo stands under {' and '.join(labels)}"
            left_out += [LeftOut(c.member, reason) for c in group]
            continue
        kept.append(first)
        left_out += [LeftOut(c.member, f"duplicate of {first.member}") for c in others]
    return sorted(kept, key=lambda c: c.member), sorted(left_out, key=lambda left: left.member)


def assign_splits(
    candidates: Sequence[Candidate],
    *,
    train_images: int,
    test_images: int,
    validation_fraction: float,
    seed: int,
    groups: Sequence[Collection[str]] = (),
) -> dict[str, list[Candidate]]:
    """Chooses and divides photos, class by class, in the order of `sha256(seed, digest of the photo)`.

    Folders that name a split are taken at their word. Without a test folder, the first photos of each class in
    that order are test; then come validation and training. With counts of 0 a photo's side depends on its own
    digest alone, so adding photos later moves no old one across.

    Near duplicates stand in that order together, at the place of the one of them whose digest is smallest: a photo
    that joins them later can move them as it becomes that one. No group stands on two sides: where folders or
    counts would divide it, what is in the test keeps the others from validation and training, and what is in
    validation keeps the others from training; other photos take their places.

    Args:
        candidates: without duplicates (see `drop_duplicates`).
        train_images: photos in all for training and validation, the same number a class; 0 takes all.
        test_images: photos in all for the test, the same number a class; 0 takes all of the test folders, or a
            fifth where there are none.
        validation_fraction: share of the training photos held out, 0 <= share < 1.
        seed: orders the photos.
        groups: the members of each group of near duplicates; none is in two.

    Returns:
        For each of `SPLITS`, its photos in the order of their keys, classes mixed. A class that has too few
        photos gives what it has: training and test are then cut in the proportion that was asked for.
    """
    if not candidates:
        return {split: [] for split in SPLITS}
    group_of = {member: number for number, members in enumerate(groups) for member in members}
    keys = _order_keys(candidates, group_of, seed)

    def order(photos: Iterable[Candidate]) -> list[Candidate]:
        # Near duplicates have the same key; their own digests then put them in an order.
        return sorted(photos, key=lambda c: (keys[c.member], c.sha256, c.member))

    by_class: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in order(candidates):
        by_class[candidate.label].append(candidate)
    train_shares = _balanced_shares(train_images, sorted(by_class))
    test_shares = _balanced_shares(test_images, sorted(by_class))
    named = {c.named_split for c in candidates}
    pools = {label: _pool(photos, named) for label, photos in by_class.items()}

    # Split after split and not class after class: a near duplicate may stand under another label.
    chosen: dict[str, list[Candidate]] = {split: [] for split in SPLITS}
    rest: dict[str, list[Candidate]] = {}
    for label, pool in pools.items():
        test, rest[label] = _take_test(pool, test_shares[label], train_shares[label], keys)
        chosen["test"] += test
    seen = _groups_in(chosen["test"], group_of)
    held_out = {}
    for label, pool in pools.items():
        rest[label] = [c for c in rest[label] if group_of.get(c.member) not in seen]
        held_out[label] = _take_validation(
            rest[label],
            [c for c in pool["validation"] if group_of.get(c.member) not in seen],
            train_shares[label],
            validation_fraction,
            keys=keys,
            # Where the test photos are the first fifth of the keys' range, the others' keys begin above it.
            floor=TEST_FRACTION if test_shares[label] is None and not pool["test"] else 0.0,
            by_key=train_shares[label] is None and (bool(pool["test"]) or test_shares[label] is None),
        )
        chosen["validation"] += held_out[label]
    seen |= _groups_in(chosen["validation"], group_of)
    for label, validation in held_out.items():
        taken = {c.member for c in validation}
        train = [c for c in rest[label] if c.member not in taken and group_of.get(c.member) not in seen]
        share = train_shares[label]
        chosen["train"] += train if share is None else train[: max(min(1, share), share - len(validation))]
    # In the order of their own keys: photos that stay where they were keep their place in the shards.
    own = {c.member: _order_key(seed, c.sha256) for c in candidates}
    return {split: sorted(photos, key=lambda c: (own[c.member], c.member)) for split, photos in chosen.items()}


def explain_near_left_out(
    candidates: Iterable[Candidate], chosen: Mapping[str, Sequence[Candidate]], groups: Iterable[Collection[str]]
) -> list[LeftOut]:
    """Names the photos that are not used since a near duplicate of theirs is in the test or in validation.

    Args:
        candidates: what `assign_splits` was given.
        chosen: what it gave.
        groups: the members of each group of near duplicates.

    Returns:
        Sorted by member name. A photo of a test folder that was not needed is not among them.
    """
    split_of = {c.member: split for split, photos in chosen.items() for c in photos}
    named = {c.member: c.named_split for c in candidates}
    left_out = []
    for members in groups:
        present = sorted(member for member in members if member in named)
        for split in ("test", "validation"):
            keeper = next((member for member in present if split_of.get(member) == split), None)
            if keeper is None:
                continue
            left_out += [
                LeftOut(member, f"near duplicate of {keeper} in {split}")
                for member in present
                if member not in split_of and named[member] != split
            ]
            break
    return sorted(left_out, key=lambda left: left.member)


def count_classes(chosen: Mapping[str, Sequence[Candidate]]) -> dict[str, dict[str, int]]:
    """Counts photos by split and class."""
    counts: dict[str, dict[str, int]] = {}
    for split, photos in chosen.items():
        counts[split] = {}
        for label in sorted({c.label for c in photos}):
            counts[split][label] = sum(c.label == label for c in photos)
    return counts


def _order_keys(candidates: Iterable[Candidate], group_of: Mapping[str, int], seed: int) -> dict[str, int]:
    """Returns each photo's key; near duplicates share that of the smallest digest among them.

    The smallest digest and not the smallest key: that would make groups, having several tries, mostly test.
    """
    candidates = list(candidates)
    smallest: dict[int, str] = {}
    for c in candidates:
        group = group_of.get(c.member)
        if group is not None:
            smallest[group] = min(c.sha256, smallest.get(group, c.sha256))
    return {c.member: _order_key(seed, smallest.get(group_of.get(c.member, -1), c.sha256)) for c in candidates}


def _groups_in(photos: Iterable[Candidate], group_of: Mapping[str, int]) -> set[int | None]:
    return {group_of[c.member] for c in photos if c.member in group_of}


def _order_key(seed: int, sha256: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{sha256}".encode()).digest(), "big")


def _position(key: int) -> float:
    """Where a key lies in its range, 0 to 1: for a good hash, uniform."""
    return key / 2**256


def _balanced_shares(total: int, labels: Sequence[str]) -> dict[str, int | None]:
    """Splits a total over the classes, the first ones taking what does not divide; None stands for all."""
    if total == 0:
        return dict.fromkeys(labels, None)
    share, remainder = divmod(total, len(labels))
    return {label: share + (i < remainder) for i, label in enumerate(labels)}


def _pool(photos: Sequence[Candidate], named: set[str | None]) -> dict[str, list[Candidate]]:
    """Divides one class's photos by the split their folder names; unnamed ones can be trained on."""
    pools: dict[str, list[Candidate]] = {split: [] for split in SPLITS}
    # Only test folders and nothing to train on: their name cannot be meant, so they are photos like any other.
    test_stands = "test" in named and bool(named - {"test", "validation"})
    for photo in photos:
        split = photo.named_split or "train"
        pools["train" if split == "test" and not test_stands else split].append(photo)
    return pools


def _take_test(
    pools: Mapping[str, list[Candidate]], share: int | None, train_share: int | None, keys: Mapping[str, int]
) -> tuple[list[Candidate], list[Candidate]]:
    """Returns one class's test photos and the ones left for training and validation."""
    if pools["test"]:
        return pools["test"][:share], pools["train"]
    photos = pools["train"]
    if share is None:
        inside = sum(_position(keys[c.member]) < TEST_FRACTION for c in photos)
        cut = max(1, inside)
    elif train_share is None:
        cut = share if share < len(photos) else round(len(photos) * TEST_FRACTION)
    else:
        cut = share
        if share + train_share > len(photos):
            cut = max(1, round(len(photos) * share / (share + train_share)))
    return photos[:cut], photos[cut:]


def _take_validation(
    photos: Sequence[Candidate],
    named: Sequence[Candidate],
    share: int | None,
    fraction: float,
    *,
    keys: Mapping[str, int],
    floor: float,
    by_key: bool,
) -> list[Candidate]:
    """Returns one class's validation photos: of the folder that is named so, or the first of those for training."""
    if fraction == 0:
        return []
    if named:
        return list(named if share is None else named[: max(1, round(share * fraction))])
    photos = photos[:share]
    edge = floor + (1 - floor) * fraction
    inside = sum(_position(keys[c.member]) < edge for c in photos)
    cut = inside if by_key else round(len(photos) * fraction)
    return list(photos[: min(max(1, cut), max(0, len(photos) - 1))])
