"""Assign the photos to use to train, validation or test.

Pure functions of names, labels and digests: the same photos and the same seed give the same split on every machine, in
whatever order the photos come.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pawprint.dataset.quotas import choose_units

SPLITS = ("train", "validation", "test")
TEST_FRACTION = 0.2
"""Share of each class for the test, if there is no test folder and no number is given."""
FEWEST_TRAIN, FEWEST_TEST = 2, 1
"""Photos that a class needs for training and for the test."""


@dataclass(frozen=True)
class Candidate:
    """A photo that may be used."""

    member: str
    label: str
    named_split: str | None
    """`train`, `validation` or `test`, if a folder says so."""
    sha256: str
    """Digest of the photo's bytes, in hex."""
    group: str | None = None
    """The patient, animal, session or scene of the photo; a group must stay on one side."""
    time: float | None = None
    """When it was taken, as a number that orders the photos, if they are divided by time."""
    columns: tuple[str, ...] = ()
    """Its values in the photos' table."""
    original: str | None = None
    """The label in its source, "" for none, if a correction gave it another."""


@dataclass(frozen=True)
class LeftOut:
    """A photo that is not used, and why."""

    member: str
    reason: str


def assign_splits(
    candidates: Sequence[Candidate],
    *,
    train_images: int,
    test_images: int,
    validation_fraction: float,
    seed: int,
    groups: Sequence[Collection[str]] = (),
    fill: bool = True,
) -> dict[str, list[Candidate]]:
    """Choose and divide photos by class, in the order of `sha256(seed, digest of the photo)`.

    Folders that name a split are followed. Without a test folder, the first photos of each class in this order are
    test, the next validation, the rest training. Every class gets its share to within one photo. So, with counts of 0
    and no groups, a new photo moves at most one photo of its class between test and validation, and at most one between
    validation and training; all others stay.

    Photos that belong together (`Candidate.group`, and `groups`) are one unit. Its position is that of its smallest
    identity, and it stays on one side: `choose_units` fills the shares with whole units. If folders or counts divide a
    unit, its test photos keep the others out of validation and training, and its validation photos keep the others out
    of training; other photos take their places.

    Args:
        candidates: photos without duplicates (see `drop_duplicates`).
        train_images: total number of photos for training and validation, equally many for each class; 0 takes all.
        test_images: total number of photos for the test, equally many for each class; 0 takes all of the test folders,
            or a fifth if there are none.
        validation_fraction: share of the training photos for validation, 0 <= share < 1.
        seed: the seed of the photos' order.
        groups: the members of each group of near duplicates; none is in two.
        fill: whether a class that is missing from a validation or test folder gets photos there from its training ones.

    Returns:
        The photos of each of `SPLITS` in the order of their keys, classes mixed. A class with too few photos gives all
        it
        has: training and test are then cut in the requested proportion.
    """
    if not candidates:
        return {split: [] for split in SPLITS}
    unit_of = join_groups(candidates, groups)
    keys = _order_keys(candidates, unit_of, seed)
    by_class: dict[str, list[Candidate]] = defaultdict(list)
    # The photos of a unit have the same key, so they are ordered by their digests.
    for candidate in sorted(candidates, key=lambda c: (keys[c.member], c.sha256, c.member)):
        by_class[candidate.label].append(candidate)
    train_shares = _balanced_shares(train_images, sorted(by_class))
    test_shares = _balanced_shares(test_images, sorted(by_class))
    named = {c.named_split for c in candidates}
    pools = {label: _pool(photos, named) for label, photos in by_class.items()}
    fill_test = fill or "test" not in named
    fill_validation = fill or "validation" not in named

    # By split and not by class: a unit may have photos of several classes.
    test: dict[str, list[Candidate]] = {}
    targets: dict[str, int] = {}
    for label, pool in pools.items():
        test[label] = pool["test"][: test_shares[label]]
        if not pool["test"] and fill_test:
            targets[label] = _test_target(len(pool["train"]), test_shares[label], train_shares[label])
    seen = {unit_of[c.member] for photos in test.values() for c in photos}
    rest = {label: [c for c in pool["train"] if unit_of[c.member] not in seen] for label, pool in pools.items()}
    for label, photos in _take_units(rest, targets, unit_of, keys).items():
        test[label] = photos[: test_shares[label]]
        seen |= {unit_of[c.member] for c in photos}
    rest = {label: [c for c in photos if unit_of[c.member] not in seen] for label, photos in rest.items()}

    validation: dict[str, list[Candidate]] = {}
    targets = {}
    for label, pool in pools.items():
        share = train_shares[label]
        validation[label] = [c for c in pool["validation"] if unit_of[c.member] not in seen]
        if share is not None:
            validation[label] = validation[label][: max(1, round(share * validation_fraction))]
        if validation_fraction == 0:
            validation[label] = []
        elif not validation[label] and fill_validation:
            available = len(rest[label][:share])
            wanted = max(1, round(available * validation_fraction))
            targets[label] = min(wanted, max(0, available - FEWEST_TRAIN))
    held_out = {label: rest[label][: train_shares[label]] for label in targets}
    validation |= _take_units(held_out, targets, unit_of, keys)
    seen |= {unit_of[c.member] for photos in validation.values() for c in photos}

    train: dict[str, list[Candidate]] = {}
    for label, photos in rest.items():
        share = train_shares[label]
        train[label] = [c for c in photos if unit_of[c.member] not in seen]
        if share is not None:
            train[label] = train[label][: max(min(1, share), share - len(validation[label]))]
    # In the order of their own keys: photos that do not move keep their place in the shards.
    own = {c.member: order_key(seed, c.sha256) for c in candidates}
    return {
        split: sorted((c for photos in side.values() for c in photos), key=lambda c: (own[c.member], c.member))
        for split, side in zip(SPLITS, (train, validation, test), strict=True)
    }


def explain_near_left_out(
    candidates: Iterable[Candidate], chosen: Mapping[str, Sequence[Candidate]], groups: Iterable[Collection[str]]
) -> list[LeftOut]:
    """Return the photos that are not used because a near duplicate is in the test or in validation.

    Args:
        candidates: the photos given to `assign_splits`.
        chosen: its result.
        groups: the members of each group of near duplicates.

    Returns:
        The photos, sorted by member name, without those of a test folder that were not needed.
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


def join_groups(candidates: Iterable[Candidate], groups: Iterable[Collection[str]] = ()) -> dict[str, int]:
    """Number the units that must not be divided: photos connected by groups, by near duplicates, or by both in turn.

    Args:
        candidates: photos, each with its group or None.
        groups: the members of each group of near duplicates.

    Returns:
        The number of each candidate's unit, by member; a photo without connections is a unit of its own.

    >>> photos = [Candidate(m, "cats", None, m, group) for m, group in zip("abcd", ["p1", "p1", "p2", None])]
    >>> join_groups(photos, [{"b", "c"}])
    {'a': 0, 'b': 0, 'c': 0, 'd': 3}
    """
    candidates = list(candidates)
    parent = list(range(len(candidates)))

    def find(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first_of: dict[str, int] = {}
    place_of = {c.member: place for place, c in enumerate(candidates)}
    together = [[place_of[member] for member in members if member in place_of] for members in groups]
    together += [[first_of.setdefault(c.group, n), n] for n, c in enumerate(candidates) if c.group is not None]
    for places in together:
        for place in places[1:]:
            one, other = sorted((find(places[0]), find(place)))
            parent[other] = one
    return {c.member: find(place) for place, c in enumerate(candidates)}


def count_classes(chosen: Mapping[str, Sequence[Candidate]]) -> dict[str, dict[str, int]]:
    """Count photos by split and class, classes in the order of their names."""
    return {split: dict(sorted(Counter(c.label for c in photos).items())) for split, photos in chosen.items()}


def _take_units(
    photos: Mapping[str, Sequence[Candidate]],
    targets: Mapping[str, int],
    unit_of: Mapping[str, int],
    keys: Mapping[str, int],
) -> dict[str, list[Candidate]]:
    """Return the photos of whole units, by class, that are close to the targets; other classes are not touched."""
    units: dict[int, list[Candidate]] = defaultdict(list)
    free = [c for label in targets for c in photos[label]]
    for c in sorted(free, key=lambda c: (keys[c.member], c.sha256, c.member)):
        units[unit_of[c.member]].append(c)
    members = list(units.values())
    # Nearly all units are single photos, and a Counter of each would take a fifth of preprocess.
    counts = [{unit[0].label: 1} if len(unit) == 1 else Counter(c.label for c in unit) for unit in members]
    taken: dict[str, list[Candidate]] = {label: [] for label in targets}
    for number in choose_units(counts, targets, keep=FEWEST_TRAIN):
        for c in members[number]:
            taken[c.label].append(c)
    return taken


def _test_target(number: int, share: int | None, train_share: int | None) -> int:
    """Return how many of a class's photos are for the test if no folder says so."""
    if share is None:
        wanted = round(number * TEST_FRACTION)
    elif train_share is None:
        wanted = share if share < number else round(number * TEST_FRACTION)
    else:
        wanted = share if share + train_share <= number else round(number * share / (share + train_share))
    return min(max(min(1, share or 1), wanted), max(0, number - FEWEST_TRAIN))


def _order_keys(candidates: Iterable[Candidate], unit_of: Mapping[str, int], seed: int) -> dict[str, int]:
    """Return each photo's key; the photos of a unit share that of its smallest identity.

    Not the smallest key: a group, having several keys to choose from, would mostly be test. If a group has a name, that
    is its photos' identity, so that a new photo in it moves no others.
    """
    candidates = list(candidates)
    smallest: dict[int, str] = {}
    for c in candidates:
        identity = c.sha256 if c.group is None else hashlib.sha256(f"group:{c.group}".encode()).hexdigest()
        unit = unit_of[c.member]
        smallest[unit] = min(identity, smallest.get(unit, identity))
    return {c.member: order_key(seed, smallest[unit_of[c.member]]) for c in candidates}


def order_key(seed: int, sha256: str) -> int:
    """Return the number that orders photos, from the digest of one."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sha256}".encode()).digest(), "big")


def _balanced_shares(total: int, labels: Sequence[str]) -> dict[str, int | None]:
    """Split a total over the classes, remainders to the first ones; None means all."""
    if total == 0:
        return dict.fromkeys(labels, None)
    share, remainder = divmod(total, len(labels))
    return {label: share + (i < remainder) for i, label in enumerate(labels)}


def _pool(photos: Sequence[Candidate], named: set[str | None]) -> dict[str, list[Candidate]]:
    """Return one class's photos by the split their folder names; photos without a split are for training."""
    pools: dict[str, list[Candidate]] = {split: [] for split in SPLITS}
    # Only test folders and nothing to train on: "test" cannot be meant, so the photos are treated as unnamed.
    test_stands = "test" in named and bool(named - {"test", "validation"})
    for photo in photos:
        split = photo.named_split or "train"
        pools["train" if split == "test" and not test_stands else split].append(photo)
    return pools
