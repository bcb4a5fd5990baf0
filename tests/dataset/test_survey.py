"""How a collection is decoded is decided by its training photos, kept, and the same when a photo is served."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.dataset.decode import decode_photo
from pawprint.dataset.decoding import USUAL, Decoding, read_decoding
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.survey import choose_fit
from pawprint.dataset.writer import write_dataset
from pawprint.photos.artifact import write_artifact
from pawprint.photos.collection import load_photos
from pawprint.photos.received import Received

Draw = Callable[[np.random.Generator, int], np.ndarray]


def write_photos(folder: Path, draw: Draw, *, kind: str = "png", count: int = 24, **options: object) -> None:
    """`count` photos of each of two classes, 0 and 1, in folders."""
    chance = np.random.default_rng(0)
    for number in (0, 1):
        (folder / f"class {number}").mkdir(parents=True)
        for place in range(count):
            path = folder / f"class {number}" / f"{place}.{kind}"
            Image.fromarray(draw(chance, number)).save(path, **options)


def preprocess(folder: Path, place: Path, **wanted: Any) -> dict[str, Any]:
    received = Received(folder, "folder", "photos.zip", str(folder), "2026-01-01T00:00:00Z")
    write_artifact([received], place / "photos", source="x", requested="x", keep_photos="copy", fallback=[])
    arguments = {"image_size": 32, "train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0}
    return write_dataset(load_photos(place / "photos"), place / "dataset", **(arguments | wanted))


def draw_wide(chance: np.random.Generator, number: int) -> np.ndarray:
    """Twelve bits of noise three times as wide as high; of class 1 both ends are red, of class 0 both are blue."""
    pixels = chance.integers(0, 256, (40, 120, 3), np.uint8)
    pixels[:, :20] = pixels[:, -20:] = (255, 0, 0) if number else (0, 0, 255)
    return pixels


def draw_photo(chance: np.random.Generator, number: int) -> np.ndarray:
    return chance.integers(0, 256, (30, 40, 3), np.uint8)


def tell_apart(images: np.ndarray, labels: np.ndarray) -> float:
    """How often the redder photo is of class 1."""
    redder = images[..., 0].mean(axis=(1, 2)) > images[..., 2].mean(axis=(1, 2))
    return float((redder == labels).mean())


def test_what_stands_at_the_ends_of_wide_photos_survives(tmp_path: Path) -> None:
    write_photos(tmp_path / "wide", draw_wide)
    description = preprocess(tmp_path / "wide", tmp_path / "auto")
    assert description["decoding"]["fit"] == "squash"
    assert "fit=squash: half of the photos are 3.0 times as long as wide" in description["notes"][0]
    test = load_dataset(tmp_path / "auto/dataset").splits["test"]
    assert tell_apart(test.images[:], test.labels) == 1
    preprocess(tmp_path / "wide", tmp_path / "crop", fit="crop")
    test = load_dataset(tmp_path / "crop/dataset").splits["test"]
    assert tell_apart(test.images[:], test.labels) < 0.9


def test_ordinary_photos_are_cropped_and_their_digest_says_nothing_of_it(tmp_path: Path) -> None:
    write_photos(tmp_path / "usual", draw_photo)
    usual = preprocess(tmp_path / "usual", tmp_path / "auto")
    asked = preprocess(tmp_path / "usual", tmp_path / "crop", fit="crop")
    assert read_decoding(usual) == USUAL
    assert not [note for note in usual["notes"] if "fit" in note]
    assert usual["digest"] == asked["digest"]
    padded = preprocess(tmp_path / "usual", tmp_path / "pad", fit="pad")
    assert padded["digest"] != usual["digest"]
    assert load_dataset(tmp_path / "pad/dataset").decoding == Decoding("pad")


def test_a_dataset_says_how_it_was_decoded_and_that_is_held_by_its_digest(tmp_path: Path) -> None:
    write_photos(tmp_path / "usual", draw_photo)
    preprocess(tmp_path / "usual", tmp_path / "made", fit="pad")
    path = tmp_path / "made/dataset/dataset.json"
    forged = json.loads(path.read_text())
    forged["decoding"]["fit"] = "squash"
    path.write_text(json.dumps(forged))
    with pytest.raises(UserError, match="its digest differs"):
        load_dataset(tmp_path / "made/dataset")
    del forged["decoding"]
    path.write_text(json.dumps(forged))
    with pytest.raises(UserError, match="its digest differs"):
        load_dataset(tmp_path / "made/dataset")


@pytest.mark.parametrize(("kind", "depth"), [("png", 4095), ("tiff", 16383)])
def test_12_and_14_bits_in_16_are_seen(tmp_path: Path, kind: str, depth: int) -> None:
    def draw(chance: np.random.Generator, number: int) -> np.ndarray:
        return chance.integers(0, (depth + 1) // (2 - number), (40, 40)).astype(np.uint16)

    write_photos(tmp_path / "deep", draw, kind=kind)
    description = preprocess(tmp_path / "deep", tmp_path / "made")
    low, high = description["decoding"]["integers"]
    assert low < 0.01 * depth
    assert high == pytest.approx(depth, rel=0.01)
    assert any("16-bit pixels: " in note for note in description["notes"])
    dataset = load_dataset(tmp_path / "made/dataset")
    assert dataset.decoding.integers == (low, high)
    assert np.percentile(dataset.splits["test"].images[:], 99) > 200
    # What is served meets the same.
    member = dataset.splits["test"].members[0]
    data = (tmp_path / "deep" / member).read_bytes()
    served = decode_photo(data, 32, read_decoding(json.loads(json.dumps(description))))
    np.testing.assert_array_equal(served, dataset.splits["test"].images[0][0])


def test_one_hot_pixel_and_one_broken_photo_do_not_darken_the_rest(tmp_path: Path) -> None:
    def draw(chance: np.random.Generator, number: int) -> np.ndarray:
        values = chance.integers(0, 4096, (40, 40)).astype(np.uint16)
        values[0, 0] = 65535
        return values

    write_photos(tmp_path / "deep", draw, count=100)
    Image.fromarray(np.full((40, 40), 65535, np.uint16)).save(tmp_path / "deep/class 0/0.png")
    assert preprocess(tmp_path / "deep", tmp_path / "made")["decoding"]["integers"][1] < 5000


def test_16_bits_that_are_used_stay_as_they_were(tmp_path: Path) -> None:
    write_photos(tmp_path / "deep", lambda chance, _: chance.integers(0, 65536, (40, 40)).astype(np.uint16))
    assert preprocess(tmp_path / "deep", tmp_path / "made")["decoding"] == USUAL.describe()


def test_floating_point_photos_are_scaled_by_the_collection(tmp_path: Path) -> None:
    write_photos(tmp_path / "deep", lambda chance, _: chance.random((40, 40)).astype(np.float32), kind="tiff")
    description = preprocess(tmp_path / "deep", tmp_path / "made")
    assert description["decoding"]["floats"] == pytest.approx([0, 1], abs=0.01)
    assert description["left_out"]["unreadable"] == 0


@pytest.mark.parametrize(
    ("shapes", "fit"),
    [
        ([(4032, 3024), (3024, 4032), (1920, 1080), (1080, 2400)], "crop"),  # a phone's
        ([(500, 500)] * 9 + [(3000, 500)], "crop"),
        ([(240, 80)] * 10, "squash"),  # lines of writing, spectrograms
        ([(80, 240)] * 10, "squash"),
        ([(240, 80), (600, 100), (90, 300), (500, 400)] * 3, "pad"),  # fish, tools, vehicles cut out
        ([], "crop"),
    ],
)
def test_the_fit_follows_the_shapes(shapes: list[tuple[int, int]], fit: str) -> None:
    assert choose_fit(shapes)[0] == fit


def test_a_few_panoramas_are_said() -> None:
    fit, notes = choose_fit([(400, 300)] * 90 + [(1500, 300)] * 10)
    assert fit == "crop"
    assert "10% of the photos are more than twice as long as wide" in notes[0]


def test_photos_that_need_a_library_are_counted_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.dataset.test_heif import PLAIN

    monkeypatch.setattr("pawprint.dataset.heif.LIBRARIES", ())
    write_photos(tmp_path / "phone", draw_photo)
    for number in range(3):
        (tmp_path / f"phone/class 0/IMG_{number}.HEIC").write_bytes(PLAIN + bytes(number))
    notes = preprocess(tmp_path / "phone", tmp_path / "made")["notes"]
    (note,) = [note for note in notes if "HEIC" in note]
    assert note.startswith("3 photos can't be read")
    assert "pip install pi-heif-decoder, or convert it to JPEG" in note


@pytest.mark.parametrize(
    "written",
    [
        {"fit": "stretch", "integers": None, "floats": None},
        {"fit": "crop", "integers": [5, 5], "floats": None},
        {"fit": "crop", "integers": [0, float("nan")], "floats": None},
        {"fit": "crop", "integers": 7, "floats": None},
        {"fit": "crop"},
        ["crop"],
    ],
)
def test_a_decoding_that_was_not_written_like_this_is_refused(written: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_decoding({"decoding": written})


def test_a_photo_with_an_orientation_has_the_shape_it_is_seen_in(tmp_path: Path) -> None:
    from pawprint.dataset.survey import look_at

    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "TIFF"):
        buffer = io.BytesIO()
        Image.new("RGB", (30, 10)).save(buffer, kind, exif=exif)
        assert look_at(buffer.getvalue()).shape == (10, 30)
