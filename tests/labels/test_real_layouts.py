"""The real sets as their makers store them."""

from collections import Counter
from pathlib import Path

import pytest

from pawprint.labels.readings import Reading
from pawprint.photos.artifact import check_classes
from pawprint.photos.received import Received

DATA = Path(__file__).parents[3] / "shared" / "data"
TILES = {"MT_Blowhole": 115, "MT_Break": 85, "MT_Crack": 57, "MT_Fray": 32, "MT_Free": 952, "MT_Uneven": 103}


def read(name: str) -> Reading:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    reading = check_classes([Received(path, "zip", name, str(path), "2026-01-01T00:00:00Z")])
    assert reading is not None
    return reading


def test_hand_signs_are_ten_digits_and_the_examples_are_named() -> None:
    reading = read("sign-digits.zip")
    counts = Counter(one.label for one in reading.photos)
    assert sorted(counts) == list("0123456789")
    assert counts.total() == 2062
    assert reading.left_out["in a folder beside those of the classes"] == 10


def test_tiles_are_six_states_and_their_masks_are_set_aside() -> None:
    reading = read("magnetic-tiles.zip")
    assert Counter(one.label for one in reading.photos) == TILES
    assert all(one.member.endswith(".jpg") for one in reading.photos)
    assert reading.left_out == {"a mask or another picture of the photo beside it": 1344}


def test_ants_and_bees_keep_their_makers_split() -> None:
    counts = Counter((one.split, one.label) for one in read("ants-and-bees.zip").photos)
    assert counts == {
        ("train", "ants"): 122,
        ("train", "bees"): 121,
        ("validation", "ants"): 70,
        ("validation", "bees"): 83,
    }
