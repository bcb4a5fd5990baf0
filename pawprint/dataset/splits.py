"""Which photos are used, and for what: train, validation or test.

Pure functions of names, labels and digests: the same photos and the same seed give the same split on every
machine, in whatever order the photos come.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
) -> dict[str, list[Candidate]]:
    """Chooses and divides photos, class by class, in the order of `sha256(seed, digest of the photo)`.

    Folders that name a split are taken at their word. Without a test folder, the first photos of each class in
    that order are test; then come validation and training. With counts of 0 a photo's side depends on its own
    digest alone, so adding photos later moves no old one across.

    Args:
        candidates: without duplicates (see `drop_duplicates`).
        train_images: photos in all for training and validation, the same number a class; 0 takes all.
        test_images: photos in all for the test, the same number a class; 0 takes all of the test folders, or a
            fifth where there are none.
        validation_fraction: share of the training photos held out, 0 <= share < 1.
        seed: orders the photos.

    Returns:
        For each of `SPLITS`, its photos in the order of their keys, classes mixed. A class that has too few
        photos gives what it has: training and test are then cut in the proportion that was asked for.
    """
    by_class: dict[str, list[Candidate]] = defaultdict(list)
    keys = {c.member: _order_key(seed, c.sha256) for c in candidates}
    for candidate in sorted(candidates, key=lambda c: (keys[c.member], c.member)):
        by_class[candidate.label].append(candidate)
    if not candidates:
        return {split: [] for split in SPLITS}
    train_shares = _balanced_shares(train_images, sorted(by_class))
    test_shares = _balanced_shares(test_images, sorted(by_class))
    named = {c.named_split for c in candidates}
    chosen: dict[str, list[Candidate]] = {split: [] for split in SPLITS}
    for label, photos in by_class.items():
        pools = _pool(photos, named)
        test, rest = _take_test(pools, test_shares[label], train_shares[label], keys)
        # Where the test photos are the first fifth of the keys' range, the others' keys begin above it.
        floor = TEST_FRACTION if test_shares[label] is None and not pools["test"] else 0.0
        by_key = train_shares[label] is None and (bool(pools["test"]) or test_shares[label] is None)
        if validation_fraction == 0:
            train, validation = rest[: train_shares[label]], list[Candidate]()
        elif pools["validation"]:
            train, validation = _take_named_validation(
                rest, pools["validation"], train_shares[label], validation_fraction
            )
        else:
            rest = rest[: train_shares[label]]
            edge = floor + (1 - floor) * validation_fraction
            inside = sum(_position(keys[c.member]) < edge for c in rest)
            cut = inside if by_key else round(len(rest) * validation_fraction)
            cut = min(max(1, cut), max(0, len(rest) - 1))
            train, validation = rest[cut:], rest[:cut]
        chosen["train"] += train
        chosen["validation"] += validation
        chosen["test"] += test
    return {split: sorted(photos, key=lambda c: (keys[c.member], c.member)) for split, photos in chosen.items()}


def count_classes(chosen: Mapping[str, Sequence[Candidate]]) -> dict[str, dict[str, int]]:
    """Counts photos by split and class."""
    counts: dict[str, dict[str, int]] = {}
    for split, photos in chosen.items():
        counts[split] = {}
        for label in sorted({c.label for c in photos}):
            counts[split][label] = sum(c.label == label for c in photos)
    return counts


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


def _take_named_validation(
    photos: list[Candidate], held_out: list[Candidate], share: int | None, fraction: float
) -> tuple[list[Candidate], list[Candidate]]:
    """Returns one class's training and validation photos where a folder names the latter."""
    if share is None:
        return photos, held_out
    held_out = held_out[: max(1, round(share * fraction))]
    return photos[: max(1, share - len(held_out))], held_out
