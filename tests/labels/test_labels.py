import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.base.errors import UserError
from pawprint.labels.name_prefixes import prefix_label
from pawprint.labels.readings import Labelled
from tests.labels.labelling import label_members


def label(*members: str) -> dict[str, tuple[str, str | None]]:
    labelled, _ = label_members(members)
    return {one.member: (one.label, one.split) for one in labelled}


def test_folders_of_classes() -> None:
    assert label("pets/cats/1.jpg", "pets/dogs/1.JPEG") == {
        "pets/cats/1.jpg": ("cats", None),
        "pets/dogs/1.JPEG": ("dogs", None),
    }


def test_kaggles_nesting_gives_class_and_split() -> None:
    members = [
        "training_set/training_set/cats/cat.1.jpg",
        "training_set/training_set/dogs/dog.1.jpg",
        "test_set/test_set/cats/cat.4001.jpg",
        "test_set/test_set/cats/_DS_Store",
    ]
    labelled, ignored = label_members(members)
    assert [(one.label, one.split) for one in labelled] == [("cats", "test"), ("cats", "train"), ("dogs", "train")]
    assert ignored == Counter({"system file": 1})


@pytest.mark.parametrize(
    ("folder", "split"),
    [("train", "train"), ("TRAIN", "train"), ("validation", "validation"), ("val", "validation"), ("test", "test")],
)
def test_split_folders_around_or_within_the_class(folder: str, split: str) -> None:
    assert label(f"{folder}/cats/1.jpg", f"{folder}/dogs/1.jpg")[f"{folder}/cats/1.jpg"] == ("cats", split)
    assert label(f"cats/{folder}/1.jpg", f"dogs/{folder}/1.jpg")[f"dogs/{folder}/1.jpg"] == ("dogs", split)


def test_prefixes_where_a_folder_holds_them_mixed() -> None:
    assert label("train/cat.0.jpg", "train/dog.0.jpg", "val/cat.7.jpg") == {
        "train/cat.0.jpg": ("cat", "train"),
        "train/dog.0.jpg": ("dog", "train"),
        "val/cat.7.jpg": ("cat", "validation"),
    }
    assert label("images/great_dane_1.jpg", "images/Bengal_20.jpg") == {
        "images/great_dane_1.jpg": ("great_dane", None),
        "images/Bengal_20.jpg": ("Bengal", None),
    }


def test_unlabelled_test_photos_beside_mixed_ones_are_ignored_not_made_a_class() -> None:
    for test_folder in ("test", "test1"):
        members = [f"data/train/{name}.{n}.jpg" for name in ("cat", "dog") for n in range(3)]
        labelled, ignored = label_members([*members, f"data/{test_folder}/1.jpg", f"data/{test_folder}/2.jpg"])
        assert {one.label for one in labelled} == {"cat", "dog"}
        assert ignored == Counter({"no class in its folder or name": 2})


def test_folders_win_over_the_names_of_the_animals_in_them() -> None:
    assert set(label("cats/tom.1.jpg", "cats/kitty.1.jpg", "dogs/rex.1.jpg", "dogs/fido.2.jpg").values()) == {
        ("cats", None),
        ("dogs", None),
    }


def test_mixed_folders_of_any_name_with_the_same_prefixes() -> None:
    members = [f"{folder}/{name}.{n}.jpg" for folder in ("first", "second") for name in ("cat", "dog") for n in (1, 2)]
    assert {found for found, _ in label(*members).values()} == {"cat", "dog"}


def test_the_vehicle_named_train_is_a_class() -> None:
    assert label("train/plane/1.jpg", "train/train/1.jpg", "test/train/2.jpg", "test/plane/2.jpg") == {
        "train/plane/1.jpg": ("plane", "train"),
        "train/train/1.jpg": ("train", "train"),
        "test/train/2.jpg": ("train", "test"),
        "test/plane/2.jpg": ("plane", "test"),
    }


def test_a_phones_heic_is_a_photo() -> None:
    members = ["cats/IMG_1.HEIC", "cats/IMG_2.JPG", "dogs/IMG_3.heif", "dogs/IMG_4.hif"]
    assert [photo.member for photo in label_members(members)[0]] == members


def test_strays_are_counted_by_reason() -> None:
    members = ["__MACOSX/cats/._1.jpg", "cats/.DS_Store", "cats/Thumbs.db", "README.txt", "more.zip"]
    labelled, ignored = label_members([*members, "cats/1.jpg", "dogs/1.jpg"])
    assert len(labelled) == 2
    assert ignored == Counter(
        {
            "system file": 3,
            "not a photo": 1,
            "archive within the archive": 1,
        }
    )


def test_backslashes_and_both_spellings_of_an_accent() -> None:
    assert label("a\\caf\u00e9\\1.jpg", "a/cafe\u0301/2.jpg", "a/tea/1.jpg")["a\\caf\u00e9\\1.jpg"] == ("café", None)
    assert len({found for found, _ in label("a/caf\u00e9/1.jpg", "a/cafe\u0301/2.jpg", "a/tea/1.jpg").values()}) == 2


@pytest.mark.parametrize("name", ["1.jpg", "IMG_1.jpg", "DSC-0007.jpg", "cat.jpg", "2024-01-02.jpg", "photo 3.png"])
def test_numbers_and_cameras_are_no_prefix(name: str) -> None:
    assert prefix_label(name) is None


words = st.text("abcdefghij", min_size=3, max_size=6).map(lambda word: f"c{word}")


@given(classes=st.lists(words, min_size=2, max_size=20, unique=True), photos=st.integers(1, 4), data=st.data())
def test_two_classes_or_twenty_in_any_layout_and_order(classes: list[str], photos: int, data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(["{c}/{n}.jpg", "x/{c}/{n}.jpg", "{s}/{s}/{c}/{n}.jpg", "{s}/{c}.{n}.jpg"]))
    splits = ["train", "test"] if "{s}" in layout else ["train"]
    expected = {
        layout.format(c=name, n=n, s=split): (name, split if "{s}" in layout else None)
        for name in classes
        for n in range(photos)
        for split in splits
    }
    members = [*expected, "notes.txt", "__MACOSX/x/._1.jpg"]
    random.Random(data.draw(st.integers())).shuffle(members)
    labelled, ignored = label_members(members)
    assert labelled == [Labelled(member, *expected[member]) for member in sorted(expected)]
    assert ignored.total() == 2


@given(st.lists(st.text(max_size=30), unique=True))
def test_every_member_is_labelled_or_counted(members: list[str]) -> None:
    try:
        labelled, ignored = label_members(members)
    except UserError:  # nothing in such names, or too much
        return
    assert len(labelled) + ignored.total() == len(members)
    assert all(one.label for one in labelled)
