"""Class names that mean harm, or are only odd, through the whole chain; too few classes, too few photos, very many."""

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.tables import read_dicts
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.evaluation.results import evaluate_predictions
from pawprint.photos.artifact import write_artifact
from pawprint.photos.collection import load_photos
from pawprint.photos.received import Received
from tests.conftest import draw_tiny_photo

LONG = "a very long name " * 17 + "of 300 signs"  # a folder's name has 255 bytes at most, a zip's members have more
NAMES = (
    "great  dane",
    "quote\"s 'and' `ticks`",
    "<img src=x onerror=alert(1)>",
    "$x_1$ {{7*7}} {photos} %s",
    "🐈 cat",
    "=1+1,;|a*b_c_",
    "-rf --help",
    "$(touch owned)",
    LONG,
    "label",  # what the answer's own columns are called
    "error",
)


def write_photos(folder: Path, classes: dict[str, int]) -> Path:
    """A photos/ artifact with so many tiny photos of each class."""
    rng = np.random.default_rng(0)
    import zipfile

    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number, (name, photos) in enumerate(classes.items()):
            for photo in range(photos):
                archive.writestr(f"{name}/{photo}.jpg", draw_tiny_photo(rng, number / len(classes)))
    received = Received(folder / "photos.zip", "zip", "photos.zip", "x", "2026-01-01T00:00:00Z")
    write_artifact([received], folder / "photos", source="x", requested="x", keep_photos="copy", fallback=[])
    return folder / "photos"


def make_dataset(photos: Path, folder: Path, **changes: int) -> None:
    options = {"image_size": 16, "train_images": 0, "test_images": 0, "seed": 0} | changes
    write_dataset(load_photos(photos), folder, validation_fraction=0.2, **options)


def test_odd_class_names_come_through_preprocess_and_evaluation_as_they_are(tmp_path: Path) -> None:
    photos = write_photos(tmp_path, dict.fromkeys(NAMES, 12))
    make_dataset(photos, tmp_path / "dataset")
    data = load_dataset(tmp_path / "dataset")
    assert data.class_names == tuple(sorted(NAMES))
    test = data.splits["test"]
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(len(NAMES)), len(test.labels))
    folder = tmp_path / "evaluation"
    evaluate_predictions(
        labels=test.labels,
        probabilities=probabilities,
        class_names=data.class_names,
        members=test.members,
        images=test.images,
        folder=folder,
    )
    assert json.loads((folder / "metrics.json").read_text())["class_names"] == list(data.class_names)
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(read_dicts(file))
    assert {row["label"] for row in rows} <= set(NAMES)
    assert {f"probability_{name}" for name in NAMES} <= set(rows[0])


@pytest.mark.parametrize("name", ["../cats", "/cats", "a/../../b"])
def test_a_class_name_that_leads_elsewhere_is_left_out(tmp_path: Path, name: str) -> None:
    photos = write_photos(tmp_path, {"cats": 3, "dogs": 3, name: 3})
    collection = load_photos(photos)
    assert {photo.label for photo in collection.photos} == {"cats", "dogs"}
    assert collection.manifest.ignored == {"a path that leads out of the archive": 3}


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"photos of one class only, 'cats', and a classifier needs two"):
        write_photos(tmp_path, {"cats": 5})


def test_a_class_of_a_single_photo_is_left_out_by_name(tmp_path: Path) -> None:
    photos = write_photos(tmp_path, {"cats": 9, "dogs": 9, "a lonely dog": 1})
    make_dataset(photos, tmp_path / "dataset")
    description = json.loads((tmp_path / "dataset/dataset.json").read_text())
    assert description["class_names"] == ["cats", "dogs"]
    assert any("'a lonely dog' (1 photo)" in note for note in description["notes"])
    with (tmp_path / "dataset/quarantine.csv").open(newline="") as file:
        assert [(row["member"], row["reason"]) for row in csv.DictReader(file)] == [
            ("a lonely dog/0.jpg", "class 'a lonely dog' is left out: it has 1 photo")
        ]


def test_where_a_single_photo_leaves_one_class_the_run_is_refused_by_name(tmp_path: Path) -> None:
    photos = write_photos(tmp_path, {"cats": 9, "a lonely dog": 1})
    with pytest.raises(UserError, match=r"two classes, and 1 is left: too few photos have 'a lonely dog' \(1 photo\);"):
        make_dataset(photos, tmp_path / "dataset")


def test_an_empty_class_is_none(tmp_path: Path, tiny_photos: Callable[..., Path]) -> None:
    folder = tiny_photos()
    (folder / "empty").mkdir()
    (folder / "only text").mkdir()
    (folder / "only text/notes.txt").write_text("no photo")
    received = Received(folder, "folder", "photos.zip", "x", "2026-01-01T00:00:00Z")
    manifest = write_artifact(
        [received], tmp_path / "photos", source="x", requested="x", keep_photos="copy", fallback=[]
    )
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert manifest.ignored_names == {"not a photo": ["only text/notes.txt"]}


def test_a_class_with_as_long_a_name_as_is_taken_is_shortened_in_the_picture(tmp_path: Path) -> None:
    photos = write_photos(tmp_path, {"c" * 1000: 12, "dogs": 12})
    make_dataset(photos, tmp_path / "dataset")
    with Image.open(tmp_path / "dataset/preview.png") as picture:
        assert picture.width < 2000


@pytest.mark.slow
def test_500_classes_give_a_dataset_and_pictures_in_bounded_time(tmp_path: Path) -> None:
    started = time.process_time()
    photos = write_photos(tmp_path, {f"class number {number:03d}": 5 for number in range(500)})
    make_dataset(photos, tmp_path / "dataset", train_images=2000, test_images=500)
    data = load_dataset(tmp_path / "dataset")
    assert len(data.class_names) == 500
    test = data.splits["test"]
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(500), len(test.labels))
    probabilities[np.arange(len(test.labels)), test.labels] += rng.random(len(test.labels)) * 0.05
    evaluate_predictions(
        labels=test.labels,
        probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        class_names=data.class_names,
        members=test.members,
        images=test.images,
        folder=tmp_path / "evaluation",
    )
    seconds = time.process_time() - started
    print(f"{seconds:.0f} s")  # noqa: T201 - figures
    assert seconds < 180
    for path in (tmp_path / "dataset/preview.png", *(tmp_path / "evaluation").glob("*.png")):
        with Image.open(path) as picture:
            assert max(picture.size) < 4000, path
