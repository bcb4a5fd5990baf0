import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from pawprint.evaluation.column_slices import slice_columns
from pawprint.evaluation.slices import (
    FEWEST,
    QUARTERS,
    Slice,
    describe_worst,
    find_worst,
    read_slices,
    slice_accuracy,
    wilson_interval,
    write_slices,
)
from pawprint.models.kind import measure_traits


@pytest.mark.parametrize(
    ("correct", "photos", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(correct, photos, low, high):
    """The figures of Newcombe (1998), method 3."""
    assert wilson_interval(correct, photos) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("photos", [1, 20])
def test_the_interval_ends_where_there_is_no_more(photos):
    assert wilson_interval(0, photos)[0] == 0
    assert wilson_interval(photos, photos)[1] == 1


def one_photo(side=48):
    noise = np.random.default_rng(0).integers(60, 200, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize(
    ("trait", "more"),
    [
        ("brightness", lambda photo: ImageEnhance.Brightness(photo).enhance(1.2)),
        ("contrast", lambda photo: ImageEnhance.Contrast(photo).enhance(1.5)),
        ("sharpness", lambda photo: photo.filter(ImageFilter.SHARPEN)),
        ("colourfulness", lambda photo: ImageEnhance.Color(photo).enhance(1.5)),
    ],
)
def test_a_trait_rises_with_what_it_is_named_after(trait, more):
    photo = one_photo()
    low, high = measure_traits(np.stack([np.asarray(photo), np.asarray(more(photo))]))[trait]
    assert low < high


def test_a_plain_photo_has_no_contrast_no_edges_and_its_own_brightness():
    traits = measure_traits(np.full((1, 8, 8, 3), 128, np.uint8))
    assert {name: round(float(values[0]), 3) for name, values in traits.items()} == {
        "brightness": 128.0,
        "contrast": 0.0,
        "sharpness": 0.0,
        "colourfulness": 0.0,
    }


def test_every_photo_is_in_one_slice_of_each_trait():
    rng = np.random.default_rng(1)
    labels, predictions = rng.integers(0, 3, 101), rng.integers(0, 3, 101)
    traits = {name: rng.normal(size=101) for name in QUARTERS}
    slices = slice_accuracy(labels, predictions, ["a", "b", "c"], traits)
    for trait in ("class", *QUARTERS):
        of_trait = [one for one in slices if one.trait == trait]
        assert sum(one.photos for one in of_trait) == 101
        assert sum(one.correct for one in of_trait) == (labels == predictions).sum()
    quarters = [one.photos for one in slices if one.trait == "brightness"]
    assert max(quarters) - min(quarters) <= 1


def test_photos_of_one_value_stay_together():
    slices = slice_accuracy(np.zeros(9, int), np.zeros(9, int), ["a", "b"], {"contrast": np.full(9, 5.0)})
    assert [(one.trait, one.name, one.photos) for one in slices] == [("class", "a", 9), ("contrast", "flattest", 9)]


def test_the_failing_quarter_is_found_and_small_slices_are_not_blamed():
    brightness = np.arange(200.0)
    labels, predictions = np.zeros(200, int), np.where(brightness < 50, 1, 0)
    labels[-3:] = 1  # a class of three photos, all wrong
    slices = slice_accuracy(labels, predictions, ["cats", "dogs"], {"brightness": brightness})
    worst = find_worst(slices)
    assert worst is not None
    assert (worst.trait, worst.name, worst.correct, worst.start, worst.end) == ("brightness", "darkest", 0, 0.0, 49.0)
    assert describe_worst(slices).startswith("Weakest of 5 slices: darkest quarter by brightness, 0.0 % of 50 photos")
    assert find_worst([Slice("class", "cats", FEWEST - 1, 0)]) is None
    assert "too few" in describe_worst([Slice("class", "cats", FEWEST - 1, 0)])


def test_slices_are_read_as_they_were_written(tmp_path):
    slices = [Slice("brightness", "darkest", 4, 3, 1.5, 20.25), Slice("class", 'a "b", c', 7, 7)]
    write_slices(slices, tmp_path / "slices.csv")
    again = read_slices(tmp_path / "slices.csv")
    assert again[0] == slices[0]
    assert (again[1].name, again[1].correct, np.isnan(again[1].start)) == ('a "b", c', 7, True)


def test_values_of_a_column_are_slices_with_their_intervals():
    labels = np.zeros(200, int)
    predictions = np.where(np.arange(200) % 4 == 3, 1, 0)
    columns = {
        "camera": ["phone", "compact", "phone", "compact"] * 50,
        "brightness": ["day", "night"] * 100,  # a column may be called as a trait is
        "patient": [str(number) + "a" for number in range(200)],
        "rare": ["usual"] * 195 + ["other"] * 5,
        "empty": [""] * 200,
        "sparse": ["a", "b", "", "", "", ""] * 33 + ["", ""],
        "flag": ["0", "1"] * 100,
    }
    slices = slice_columns(labels, predictions, columns)
    assert {(one.trait, one.name): (one.photos, one.correct) for one in slices} == {
        ("camera", "compact"): (100, 50),
        ("camera", "phone"): (100, 100),
        ("column brightness", "day"): (100, 100),
        ("column brightness", "night"): (100, 50),
        ("flag", "0"): (100, 100),
        ("flag", "1"): (100, 50),
    }
    assert describe_worst(slices[:2]).startswith("Weakest of 2 slices: camera compact, 50.0 % of 100 photos right")


def test_a_column_of_numbers_is_cut_into_quarters():
    ages = [str(number / 2) for number in range(200)]
    right = np.arange(200) < 150
    slices = slice_columns(np.zeros(200, int), np.where(right, 0, 1), {"age": ages})
    assert [(one.name, one.photos, one.correct, one.start, one.end) for one in slices] == [
        ("lowest", 50, 50, 0.0, 24.5),
        ("lower", 50, 50, 25.0, 49.5),
        ("higher", 50, 50, 50.0, 74.5),
        ("highest", 50, 0, 75.0, 99.5),
    ]
    unknown = [*ages[:100], *[""] * 100]
    assert sum(one.photos for one in slice_columns(np.zeros(200, int), np.zeros(200, int), {"age": unknown})) == 100


def test_a_date_or_a_name_with_infinite_letters_is_no_number():
    for texts in (["2024-01-01"] * 100, ["inf", "1"] * 50, ["nan"] * 100):
        slice_columns(np.zeros(100, int), np.zeros(100, int), {"x": texts})
