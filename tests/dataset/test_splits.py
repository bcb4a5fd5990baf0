import hashlib
import random
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from pawprint.dataset.duplicates import drop_duplicates
from pawprint.dataset.groups import explain_group_left_out
from pawprint.dataset.splits import (
    SPLITS,
    Candidate,
    assign_splits,
    count_classes,
    explain_near_left_out,
)


def make_candidates(per_class: dict[str, int], named_split: str | None = None, start: int = 0) -> list[Candidate]:
    return [
        Candidate(f"{named_split}/{label}/{i}.jpg", label, named_split, digest(f"{named_split}{label}{i}"))
        for label, count in per_class.items()
        for i in range(start, start + count)
    ]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def members(photos: list[Candidate]) -> set[str]:
    return {photo.member for photo in photos}


def assign(photos: list[Candidate], **changes: Any) -> dict[str, list[Candidate]]:
    arguments: dict[str, Any] = {"train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0, **changes}
    return assign_splits(photos, **arguments)


def test_counts_are_balanced_and_exact_where_there_are_enough_photos() -> None:
    chosen = assign(make_candidates({"cats": 900, "dogs": 1000}), train_images=1000, test_images=300)
    assert count_classes(chosen) == {
        "train": {"cats": 400, "dogs": 400},
        "validation": {"cats": 100, "dogs": 100},
        "test": {"cats": 150, "dogs": 150},
    }


def test_named_folders_are_the_split_they_name() -> None:
    photos = make_candidates({"cats": 50, "dogs": 50}, "train") + make_candidates({"cats": 9, "dogs": 9}, "test")
    chosen = assign(photos)
    assert members(chosen["test"]) == {p.member for p in photos if p.named_split == "test"}
    assert len(chosen["train"]) + len(chosen["validation"]) == 100


def test_named_validation_folder_is_used_and_not_trained_on() -> None:
    photos = [
        *make_candidates({"cats": 40, "dogs": 40}, "train"),
        *make_candidates({"cats": 10, "dogs": 10}, "validation"),
        *make_candidates({"cats": 10, "dogs": 10}, "test"),
    ]
    chosen = assign(photos)
    for split in SPLITS:
        assert {p.named_split for p in chosen[split]} == {split}


def test_photos_with_only_a_test_folder_are_divided_like_any_others() -> None:
    chosen = assign(make_candidates({"cats": 50, "dogs": 50}, "test"))
    assert len(chosen["train"]) > len(chosen["test"]) > 0


def test_too_few_photos_are_divided_in_the_proportion_asked_for() -> None:
    chosen = assign(make_candidates({"a": 60, "b": 60, "c": 60}), train_images=1500, test_images=500)
    assert count_classes(chosen)["test"] == {"a": 15, "b": 15, "c": 15}
    assert len(chosen["train"]) + len(chosen["validation"]) == 135


def test_fewer_test_photos_in_the_folder_than_asked_for_are_all_used() -> None:
    photos = make_candidates({"a": 60, "b": 60}, "train") + make_candidates({"a": 10, "b": 5}, "test")
    assert count_classes(assign(photos, test_images=500))["test"] == {"a": 10, "b": 5}


def test_without_validation_all_training_photos_train() -> None:
    chosen = assign(make_candidates({"a": 50, "b": 50}), validation_fraction=0)
    assert chosen["validation"] == []
    assert len(chosen["train"]) + len(chosen["test"]) == 100


@given(
    number=st.integers(6, 60),
    added=st.integers(0, 10**6),
    fraction=st.sampled_from([0, 0.1, 0.25]),
    named=st.booleans(),
    seed=st.integers(0, 3),
)
def test_with_counts_of_0_a_photo_more_moves_at_most_one_across_each_boundary(
    number: int, added: int, fraction: float, named: bool, seed: int
) -> None:
    old = make_candidates({"a": number, "b": 20}, "train" if named else None)
    old += make_candidates({"a": 5, "b": 5}, "test") if named else []
    new = make_candidates({"a": 1}, "train" if named else None, start=1000 + added)
    before, after = (assign(photos, validation_fraction=fraction, seed=seed) for photos in (old, old + new))
    side = {c.member: place for place, split in enumerate(SPLITS) for c in after[split]}
    moved = Counter(
        tuple(sorted((place, side[c.member])))
        for place, split in enumerate(SPLITS)
        for c in before[split]
        if side[c.member] != place
    )
    validated = fraction > 0
    assert set(moved) <= ({(0, 1), (1, 2)} if validated else {(0, 2)})
    assert all(count == 1 for count in moved.values())
    assert not named or not moved[1, 2]


def test_adding_many_photos_moves_few_old_ones() -> None:
    """The number follows the luck of the draw: about a third of the square root of the photos added, in each class."""
    old, new = make_candidates({"a": 800, "b": 800}), make_candidates({"a": 400, "b": 400}, start=1000)
    before, after = assign(old), assign(old + new)
    moved = len(members(before["test"]) - members(after["test"]))
    assert moved <= 3 * 0.4 * 400**0.5


@pytest.mark.parametrize("counts", [(0, 0), (8000, 2000), (0, 2000)])
def test_of_a_hundred_classes_each_has_its_share(counts: tuple[int, int]) -> None:
    photos = make_candidates({f"{label:02d}": 100 for label in range(100)})
    chosen = assign(photos, train_images=counts[0], test_images=counts[1], validation_fraction=0.1)
    assert {split: set(classes.values()) for split, classes in count_classes(chosen).items()} == {
        "train": {72},
        "validation": {8},
        "test": {20},
    }


@given(sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(3, 80), min_size=1), seed=st.integers(0, 5))
def test_each_class_has_its_share_to_within_one_photo(sizes: dict[str, int], seed: int) -> None:
    chosen = count_classes(assign(make_candidates(sizes), seed=seed, validation_fraction=0.25))
    for label, number in sizes.items():
        assert abs(chosen["test"][label] - 0.2 * number) <= 1
        assert abs(chosen["validation"].get(label, 0) - 0.25 * (number - chosen["test"][label])) <= 1
        assert sum(chosen[split].get(label, 0) for split in SPLITS) == number
        assert chosen["train"][label] >= 2


@st.composite
def grouped_photos(draw: st.DrawFn) -> list[Candidate]:
    """Photos of several classes and patients; some patients have photos of more than one class, some photos none."""
    photos = []
    for label in "abc"[: draw(st.integers(2, 3))]:
        patients = draw(st.lists(st.sampled_from([*range(12), None]), min_size=4, max_size=60))
        for number, patient in enumerate(patients):
            group = None if patient is None else f"P{patient}"
            photos.append(Candidate(f"{label}/{number}", label, None, digest(f"{label}{number}"), group))
    return photos


@given(
    photos=grouped_photos(),
    order=st.randoms(use_true_random=False),
    seed=st.integers(0, 3),
    near=st.lists(st.integers(2, 4), max_size=3),
)
def test_no_group_stands_on_two_sides_and_every_photo_on_one(
    photos: list[Candidate], order: random.Random, seed: int, near: list[int]
) -> None:
    remaining = iter(photos)
    near_duplicates = [{c.member for c in islice(remaining, size)} for size in near]
    near_duplicates = [group for group in near_duplicates if group]  # of few photos nothing may be left for the last
    chosen = assign(photos, seed=seed, groups=near_duplicates)
    side = {c.member: split for split in SPLITS for c in chosen[split]}
    assert sorted(side) == sorted(c.member for c in photos)
    for members_of_one in near_duplicates:
        assert len({side[member] for member in members_of_one}) == 1
    for group in {c.group for c in photos if c.group}:
        assert len({side[c.member] for c in photos if c.group == group}) == 1
    shuffled = order.sample(photos, len(photos))
    assert assign(shuffled, seed=seed, groups=near_duplicates[::-1]) == chosen


@given(sizes=st.lists(st.integers(1, 12), min_size=12, max_size=60), seed=st.integers(0, 3))
def test_groups_of_one_class_are_off_by_half_of_the_largest_at_most(sizes: list[int], seed: int) -> None:
    photos = [
        Candidate(f"{label}/{patient}/{n}", label, None, digest(f"{label}{patient}.{n}"), f"{label}{patient}")
        for label in "ab"
        for patient, size in enumerate(sizes)
        for n in range(size)
    ]
    chosen = count_classes(assign(photos, seed=seed))
    for label in "ab":
        assert abs(chosen["test"][label] - 0.2 * sum(sizes)) <= 1 + max(sizes) / 2


def test_groups_are_as_balanced_as_scikit_learns() -> None:
    """Patients with photos of several classes, 1 to 40 each: the classes' shares are compared with its first fold's."""
    rng, ours, theirs = np.random.default_rng(0), [], []
    for trial in range(5):
        photos = []
        for patient in range(80):
            weights = rng.dirichlet([0.3] * 4)
            photos += [
                Candidate(
                    f"{patient}/{n}",
                    "abcd"[rng.choice(4, p=weights)],
                    None,
                    digest(f"{trial}/{patient}/{n}"),
                    f"{patient}",
                )
                for n in range(rng.integers(1, 40))
            ]
        labels, groups = np.array([c.label for c in photos]), np.array([c.group for c in photos])
        fold = next(StratifiedGroupKFold(5, shuffle=True, random_state=trial).split(labels, labels, groups))[1]
        test = [c.label for c in assign(photos, seed=trial)["test"]]
        for label in "abcd":
            number = (labels == label).sum()
            ours.append(abs(test.count(label) / number - 0.2))
            theirs.append(abs((labels[fold] == label).sum() / number - 0.2))
    assert np.mean(ours) <= np.mean(theirs) + 0.01
    assert max(ours) < 0.1


def test_one_more_photo_of_a_group_moves_no_group() -> None:
    photos = [
        Candidate(f"{patient}/{n}", "ab"[patient % 2], None, digest(f"{patient}.{n}"), f"P{patient}")
        for patient in range(40)
        for n in range(10)
    ]
    more = [Candidate("7/more", "b", None, digest("another"), "P7")]
    before, after = assign(photos), assign(photos + more)
    assert sum(len(members(before[split]) - members(after[split])) for split in SPLITS) <= 10


def test_a_group_that_the_makers_folders_divide_stays_in_the_test() -> None:
    photos = make_candidates({"a": 20, "b": 20}, "train") + make_candidates({"a": 5, "b": 5}, "test")
    photos = [
        replace(c, group="P1") if c.member in {"train/a/0.jpg", "train/a/1.jpg", "test/a/0.jpg"} else c for c in photos
    ]
    chosen = assign(photos)
    assert {c.member for c in chosen["test"]} == {c.member for c in photos if c.named_split == "test"}
    assert len(chosen["train"]) + len(chosen["validation"]) == 38
    left_out = explain_group_left_out(photos, chosen, [])
    assert [left.member for left in left_out] == ["train/a/0.jpg", "train/a/1.jpg"]
    assert left_out[0].reason == "of the group 'P1', which is in test (test/a/0.jpg)"


def test_validation_is_its_share_of_the_training_photos() -> None:
    chosen = assign(make_candidates({"a": 2000, "b": 2000}))
    assert len(chosen["test"]) == pytest.approx(800, rel=0.1)
    assert len(chosen["validation"]) == pytest.approx(640, rel=0.1)


candidate_lists = st.lists(
    st.builds(
        Candidate,
        member=st.uuids().map(str),
        label=st.sampled_from(["a", "b", "c"]),
        named_split=st.sampled_from([None, "train", "validation", "test"]),
        sha256=st.integers(0, 40).map(lambda i: digest(str(i))),
    ),
    max_size=60,
    unique_by=lambda c: c.member,
)


@given(
    photos=candidate_lists,
    train_images=st.integers(0, 40),
    test_images=st.integers(0, 40),
    validation_fraction=st.sampled_from([0, 0.1, 0.5]),
    seed=st.integers(0, 3),
    group_sizes=st.lists(st.integers(2, 5), max_size=6),
)
def test_no_photo_stands_on_two_sides_and_the_order_given_does_not_matter(
    photos: list[Candidate],
    train_images: int,
    test_images: int,
    validation_fraction: float,
    seed: int,
    group_sizes: list[int],
) -> None:
    kept, left_out = drop_duplicates(photos)
    remaining = iter(kept)
    groups = [[c.member for c in islice(remaining, size)] for size in group_sizes]
    assert len(kept) + len(left_out) == len(photos)
    wanted = {
        "train_images": train_images,
        "test_images": test_images,
        "validation_fraction": validation_fraction,
        "seed": seed,
        "groups": groups,
    }
    chosen = assign_splits(kept, **wanted)
    explained = {left.member for left in explain_near_left_out(kept, chosen, groups)}
    assert not explained & {c.member for split in chosen.values() for c in split}
    for group in groups:
        assert sum(bool(members(chosen[split]) & set(group)) for split in SPLITS) <= 1
    digests = Counter(p.sha256 for split in chosen.values() for p in split)
    assert all(count == 1 for count in digests.values())
    assert assign_splits(kept[::-1], **wanted) == chosen
    for split, asked in (("test", test_images),):
        assert asked == 0 or len(chosen[split]) <= max(asked, len({p.label for p in kept}))


def test_a_copy_of_a_test_photo_is_not_trained_on() -> None:
    kept, left_out = drop_duplicates(
        [Candidate("a/train.jpg", "a", "train", "d1"), Candidate("z/test.jpg", "a", "test", "d1")]
    )
    assert [c.member for c in kept] == ["z/test.jpg"]
    assert [(left.member, left.reason) for left in left_out] == [("a/train.jpg", "duplicate of z/test.jpg")]


def test_a_photo_under_two_labels_is_left_out_with_both_names() -> None:
    kept, left_out = drop_duplicates([Candidate("a/1.jpg", "a", None, "d"), Candidate("b/1.jpg", "b", None, "d")])
    assert kept == []
    assert {left.reason for left in left_out} == {"the same photo has the labels a and b"}


def test_groups_are_test_as_often_as_single_photos() -> None:
    """Ordered by the smallest of their keys they would be test in 1 - 0.8^5, two thirds, of the cases."""
    photos = make_candidates({"a": 1500, "b": 1500})
    groups = [[c.member for c in photos[start : start + 5]] for start in range(0, len(photos), 5)]
    chosen = assign_splits(photos, train_images=0, test_images=0, validation_fraction=0.2, seed=0, groups=groups)
    assert len(chosen["test"]) == pytest.approx(600, rel=0.2)
    assert sum(map(len, chosen.values())) == 3000
