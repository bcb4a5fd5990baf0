"""Photos of the same kind raise no alarm; darker, blurred, other ones and a class that is gone do."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pawprint.evaluation.drift import FEWEST, find_changes
from pawprint.evaluation.drift_plots import draw_drift
from pawprint.models.kind import Kind, choose_evenly, join_traits, read_kind

CLASSES = ["cats", "dogs", "<b>"]
SHARES = (0.5, 0.3, 0.2)


def draw_photos(number: int, *, seed: int) -> np.ndarray:
    """Blotches of any colour and brightness."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (number, 8, 8, 3)) * generator.uniform(0.4, 1, (number, 1, 1, 1))
    return np.stack([np.asarray(Image.fromarray(one.astype(np.uint8)).resize((32, 32))) for one in small])


def kind_of(photos: np.ndarray, *, shares: tuple[float, ...] = SHARES, unlike: float = 0.05, seed: int = 0) -> Kind:
    generator = np.random.default_rng(seed)
    predicted = generator.multinomial(len(photos), shares)
    return Kind(join_traits([photos]), predicted, int(generator.binomial(len(photos), unlike)))


@pytest.fixture(scope="module")
def known() -> Kind:
    return kind_of(draw_photos(200, seed=0))


def what_counts(known: Kind, new: Kind) -> set[str]:
    return {change.what for change in find_changes(known, new, CLASSES) if change.counts}


def test_photos_of_the_same_kind_raise_no_alarm(known: Kind) -> None:
    for seed in range(1, 21):
        assert not what_counts(known, kind_of(draw_photos(150, seed=seed), seed=seed))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda photo: (photo * 0.5).astype(np.uint8), "brightness"),
        (lambda photo: np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(3))), "sharpness"),
        (lambda photo: photo.mean(axis=2, keepdims=True).repeat(3, 2).astype(np.uint8), "colourfulness"),
    ],
    ids=["darker", "blurred", "grey"],
)
def test_other_looks_are_named(known: Kind, change: Callable[[np.ndarray], np.ndarray], what: str) -> None:
    assert what in what_counts(known, kind_of(np.stack([change(one) for one in draw_photos(100, seed=1)]), seed=1))


def test_a_class_that_is_gone_and_strangers_are_named(known: Kind) -> None:
    photos = draw_photos(100, seed=1)
    assert what_counts(known, kind_of(photos, shares=(0, 0.6, 0.4))) == {"classes"}
    assert what_counts(known, kind_of(photos, unlike=0.4)) == {"unlike"}
    said = {change.what: change.said for change in find_changes(known, kind_of(photos, shares=(0, 0.6, 0.4)), CLASSES)}
    assert said["classes"].startswith("classes: cats is answered for 0% of the photos, was ")


def test_of_ten_classes_one_that_is_gone_is_named() -> None:
    names, photos = [f"class {number}" for number in range(10)], draw_photos(60, seed=0)
    known = Kind(join_traits([photos]), np.full(10, 15))
    gone = Kind(known.traits, np.array([0, *[20] * 9]))
    (change,) = [one for one in find_changes(known, gone, names) if one.counts]
    assert change.said == "classes: class 0 is answered for 0% of the photos, was 10%"
    fewer = Kind(known.traits, np.array([8, *[20] * 9]))
    assert not [one for one in find_changes(known, fewer, names) if one.counts]


def test_nothing_is_said_of_a_few_photos(known: Kind) -> None:
    assert find_changes(known, kind_of(draw_photos(FEWEST - 1, seed=1), shares=(0, 0, 1)), CLASSES) == []


def test_of_many_classes_the_rare_ones_are_counted_together() -> None:
    names = [str(number) for number in range(1000)]
    flat = (0.001,) * 1000
    photos = draw_photos(60, seed=0)
    known = Kind(join_traits([photos]), np.random.default_rng(0).multinomial(500, flat))
    new = Kind(join_traits([photos]), np.random.default_rng(1).multinomial(400, flat))
    assert not [change for change in find_changes(known, new, names) if change.counts]


def test_a_model_without_validation_photos_knows_only_looks(known: Kind) -> None:
    looks = Kind(known.traits, np.zeros(3, np.int64))
    new = kind_of(draw_photos(60, seed=1), shares=(1, 0, 0))
    assert {change.what for change in find_changes(looks, new, CLASSES)} == set(known.traits)


def test_it_is_read_as_it_was_written(known: Kind) -> None:
    read = read_kind(json.loads(json.dumps({"photos": known.describe()})))
    assert read
    np.testing.assert_array_equal(read.predicted, known.predicted)
    for name, values in known.traits.items():
        np.testing.assert_allclose(read.traits[name], values, rtol=1e-3)
    assert read_kind({}) is None
    with pytest.raises(KeyError):
        read_kind({"photos": {"traits": {}, "predicted": [], "unlike": 0}})


def test_the_picture_shows_each_trait_and_the_classes(known: Kind, tmp_path: Path) -> None:
    new = kind_of(draw_photos(60, seed=1), shares=(0, 0.6, 0.4))
    draw_drift(find_changes(known, new, CLASSES), known, new, CLASSES, tmp_path / "drift.png")
    with Image.open(tmp_path / "drift.png") as picture:
        assert picture.width > 1000
    empty = Kind({name: np.empty(0) for name in known.traits}, new.predicted)
    assert find_changes(known, empty, CLASSES)


def test_places_are_from_all_over() -> None:
    assert choose_evenly(3, 10).tolist() == [0, 1, 2]
    assert len(choose_evenly(100_000)) == 500
