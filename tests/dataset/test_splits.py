import hashlib
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.dataset.splits import (
    SPLITS,
    Candidate,
    assign_splits,
    count_classes,
    drop_duplicates,
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


def assign(photos: list[Candidate], **changes: float) -> dict[str, list[Candidate]]:
    arguments = {"train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0, **changes}
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


@pytest.mark.parametrize("named", [False, True])
def test_with_counts_of_0_adding_photos_moves_no_old_one_across(named: bool) -> None:
    old = make_candidates({"a": 200, "b": 150}, "train" if named else None)
    new = make_candidates({"a": 90, "b": 120}, "train" if named else None, start=1000)
    fixed = make_candidates({"a": 20, "b": 20}, "test") if named else []
    before, after = assign(old + fixed), assign(old + new + fixed)
    for split in SPLITS:
        assert members(before[split]) <= members(after[split])


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
    assert {left.reason for left in left_out} == {"the same photo stands under a and b"}


def test_groups_are_test_as_often_as_single_photos() -> None:
    """Ordered by the smallest of their keys they would be test in 1 - 0.8^5, two thirds, of the cases."""
    photos = make_candidates({"a": 1500, "b": 1500})
    groups = [[c.member for c in photos[start : start + 5]] for start in range(0, len(photos), 5)]
    chosen = assign_splits(photos, train_images=0, test_images=0, validation_fraction=0.2, seed=0, groups=groups)
    assert len(chosen["test"]) == pytest.approx(600, rel=0.2)
    assert sum(map(len, chosen.values())) == 3000
