import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pawprint.drawn.drawings import Drawing, draw_photo, write_drawings


def open_photos(path: Path) -> dict[str, Image.Image]:
    with zipfile.ZipFile(path) as archive:
        return {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}


def linear_accuracy(path: Path, *, test_photos: int) -> float:
    """Judge a logistic regression on 32 x 32 RGB pixels on photos it has not seen."""
    photos = open_photos(path)
    pixels = np.stack([np.asarray(photo.convert("RGB").resize((32, 32)), np.float32) for photo in photos.values()])
    labels = np.array([name.startswith("dogs/") for name in photos])
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = order[:test_photos], order[test_photos:]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=2000))
    flat = pixels.reshape(len(pixels), -1)
    return float(model.fit(flat[train], labels[train]).score(flat[test], labels[test]))


def test_the_same_seed_gives_the_same_bytes_whoever_draws(tmp_path: Path) -> None:
    for workers in (1, 2):
        write_drawings(tmp_path / f"{workers}.zip", photos=40, seed=3, workers=workers)
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


def test_another_seed_class_or_number_gives_another_picture() -> None:
    drawings = [Drawing(seed, kind, number) for seed in (0, 1) for kind in ("cat", "dog") for number in (1, 2)]
    assert len({draw_photo(drawing) for drawing in drawings}) == 8


def test_a_smaller_number_gives_the_first_of_a_larger_one(tmp_path: Path) -> None:
    members = []
    for photos in (4, 7):
        write_drawings(tmp_path / "drawn.zip", photos=photos, seed=1)
        with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
            members.append({name: archive.read(name) for name in archive.namelist()})
    assert len(members[1]) == 7
    assert members[0].items() <= members[1].items()


@pytest.mark.parametrize(("photos", "cats", "dogs"), [(2, 1, 1), (5, 3, 2), (6, 3, 3)])
def test_half_are_cats_and_half_are_dogs(tmp_path: Path, photos: int, cats: int, dogs: int) -> None:
    write_drawings(tmp_path / "drawn.zip", photos=photos, seed=0)
    assert list(open_photos(tmp_path / "drawn.zip")) == [
        *(f"cats/cat.{number:04}.jpg" for number in range(1, cats + 1)),
        *(f"dogs/dog.{number:04}.jpg" for number in range(1, dogs + 1)),
    ]


def test_the_zip_is_stored_under_fixed_dates_in_sorted_order(tmp_path: Path) -> None:
    write_drawings(tmp_path / "drawn.zip", photos=6, seed=0)
    with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
        entries = archive.infolist()
        assert archive.testzip() is None
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.zip"]


def test_the_photos_are_jpegs_of_many_sizes_some_of_them_grey(tmp_path: Path) -> None:
    write_drawings(tmp_path / "drawn.zip", photos=60, seed=0)
    photos = list(open_photos(tmp_path / "drawn.zip").values())
    assert {photo.format for photo in photos} == {"JPEG"}
    assert {photo.mode for photo in photos} == {"RGB", "L"}
    assert len({photo.size for photo in photos}) > 50
    assert all(200 <= side <= 500 for photo in photos for side in photo.size)
    assert len({str(photo.quantization) for photo in photos}) > 20
    shapes = [photo.width / photo.height for photo in photos]
    assert min(shapes) < 0.8
    assert max(shapes) > 1.25


def test_every_photo_holds_a_picture(tmp_path: Path) -> None:
    write_drawings(tmp_path / "drawn.zip", photos=60, seed=2)
    spreads = [np.asarray(photo.convert("L")).std() for photo in open_photos(tmp_path / "drawn.zip").values()]
    assert min(spreads) > 5


@pytest.mark.parametrize("wrong", [{"photos": 1}, {"photos": -4}, {"seed": -1}, {"workers": 0}])
def test_nonsense_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))}"):
        write_drawings(tmp_path / "drawn.zip", **{"photos": 4, "seed": 0, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_a_broken_off_drawing_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Drawing) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("pawprint.drawn.drawings.draw_photo", fail)
    with pytest.raises(KeyboardInterrupt):
        write_drawings(tmp_path / "drawn.zip", photos=4, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_linear_model_on_pixels_does_not_tell_cats_from_dogs(tmp_path: Path) -> None:
    # Colour, place, size and surroundings must not give the class away, or a network would learn those.
    write_drawings(tmp_path / "drawn.zip", photos=2000, seed=0)
    assert linear_accuracy(tmp_path / "drawn.zip", test_photos=500) < 0.75


def test_mean_colours_do_not_tell_cats_from_dogs(tmp_path: Path) -> None:
    # The fast, coarse sister of the slow test: 24 numbers a photo can be fitted with few photos.
    write_drawings(tmp_path / "drawn.zip", photos=200, seed=4, workers=1)
    photos = open_photos(tmp_path / "drawn.zip")
    coarse = np.stack([np.asarray(photo.convert("RGB").resize((4, 2)), np.float32) for photo in photos.values()])
    labels = np.array([name.startswith("dogs/") for name in photos])
    order = np.random.default_rng(0).permutation(200)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    flat = coarse.reshape(200, -1)
    assert model.fit(flat[order[:100]], labels[order[:100]]).score(flat[order[100:]], labels[order[100:]]) < 0.75
