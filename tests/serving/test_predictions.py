"""Many photos labelled at once: the same answers as the served model's, in tables and on a page."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pawprint.archives.left_out import format_left_out
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.models.decision import Answered, Decision
from pawprint.models.prediction_sets import PredictionSets
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.serving import answers, predictions
from pawprint.serving.classifier import PhotoClassifier
from pawprint.serving.contact_sheet import write_contact_sheet
from pawprint.serving.predictions import Outcome, count_left_out, predict_photos

SIDE = 8
CLASSES = ("dark", "<b>light</b>")
SETS = PredictionSets(20, {90: 0.5, 95: 0.2, 99: None})
DECISION = Decision(0.01, 0.7, Answered(20, 15, 0, 2))


def brightness(pixels: np.ndarray) -> np.ndarray:
    """The stand-in for a network: (1 - b, b), b the mean brightness from 0 to 1."""
    assert pixels.dtype == np.uint8
    mean = pixels.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] / 255
    return np.concatenate([1 - mean, mean], axis=1).astype(np.float32)


def brightness_and_unlikeness(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The same with a second output: photos of a brightness above 0.8 are unlike."""
    probabilities = brightness(pixels)
    return {"probabilities": probabilities, "unlikeness": probabilities[:, 1] / np.float32(0.8)}


def draw(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (20, 10), grey).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., PhotoCollection]:
    def make(**photos: bytes) -> PhotoCollection:
        folder = tmp_path / "loose"
        folder.mkdir()
        for name, data in photos.items():
            (folder / f"{name}.png").write_bytes(data)
        fetch_photos(str(folder), tmp_path / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
        return load_photos(tmp_path / "photos", labelled=False)

    return make


def predict(collection: PhotoCollection, folder: Path, answer: Callable[..., Any] = brightness) -> Outcome:
    folder.mkdir(exist_ok=True)
    return predict_photos(
        collection, answer, class_names=CLASSES, image_size=SIDE, folder=folder, sets=SETS, decision=DECISION
    )


def read_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def served(collection: PhotoCollection) -> pd.DataFrame:
    classifier = PhotoClassifier()
    classifier.knows_unlikeness = True
    classifier.class_names, classifier.columns = list(CLASSES), [f"probability_{name}" for name in CLASSES]
    classifier.image_size, classifier.max_photos, classifier.sets = SIDE, 1000, SETS
    classifier.decision = DECISION
    classifier.answer = lambda pixels: brightness_and_unlikeness(pixels.astype(np.uint8))
    return classifier.predict([collection.read(photo) for photo in collection.photos])


def test_both_tables_hold_what_the_served_model_answers(collect, tmp_path: Path) -> None:
    collection = collect(a=draw(51), b=b"no photo", c=draw(204), d=draw(205))
    outcome = predict(collection, tmp_path / "out", brightness_and_unlikeness)
    expected = served(collection)
    assert expected["labels_95"].tolist() == [
        ["dark", "<b>light</b>"],
        None,
        ["<b>light</b>", "dark"],
        ["<b>light</b>"],
    ]
    assert list(expected.columns[-4:]) == ["decision", "unlikeness", "unlike_training", "error"]
    assert expected["decision"].tolist() == ["dark", None, "<b>light</b>", "ask a person"]
    assert outcome.num_asked == 1
    assert expected["unlike_training"].tolist() == [False, None, False, True]
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert list(table.columns) == ["member", *expected.columns]
    assert table["member"].tolist() == ["a.png", "b.png", "c.png", "d.png"]
    rows = read_rows(tmp_path / "out")
    assert list(rows[0]) == list(table.columns)
    for name in expected.columns:
        for place, value in enumerate(expected[name]):
            stored, written = table[name][place], rows[place][name]
            if value is None:
                assert pd.isna(stored)
                assert written == ""
            elif isinstance(value, list):
                assert stored.tolist() == json.loads(written) == value
            elif isinstance(value, str | bool):
                assert stored == value
                assert written == str(value)
            else:
                assert stored == value == np.float32(written)
    assert outcome.counts == {0: 1, 1: 2}
    assert outcome.unlike.total() == 1
    assert outcome.num_unreadable == 1
    assert outcome.errors == [("b.png", expected["error"][1])]


def test_served_predicted_and_preprocessed_photos_are_the_same_pixels(
    tiny_photos: Callable[..., Path], tmp_path: Path
) -> None:
    fetch_photos(str(tiny_photos(photos=8)), tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    collection = load_photos(tmp_path / "photos")
    write_dataset(
        collection,
        tmp_path / "dataset",
        image_size=SIDE,
        train_images=0,
        test_images=6,
        validation_fraction=0,
        seed=0,
    )
    data = load_dataset(tmp_path / "dataset")
    stored = {
        member: brightness(np.asarray(split.images[place : place + 1]))[0].tolist()
        for split in data.splits.values()
        for place, member in enumerate(split.members)
    }
    predict(collection, tmp_path / "out")
    answers = served(collection)
    for place, row in enumerate(read_rows(tmp_path / "out")):
        columns = [f"probability_{name}" for name in CLASSES]
        assert [np.float32(row[name]) for name in columns] == stored.pop(row["member"])
        assert [answers[name][place] for name in columns] == [np.float32(row[name]) for name in columns]
    assert not stored


def test_the_most_doubtful_of_each_class_are_remembered_lowest_first(
    collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "MOST_DOUBTFUL", 3)
    monkeypatch.setattr(answers, "BATCH", 4)
    greys = {"a": 10, "b": 120, "c": 60, "d": 120, "e": 90, "f": 250, "g": 140, "h": 1, "i": 120}
    outcome = predict(collect(**{name: draw(grey) for name, grey in greys.items()}), tmp_path / "out")
    assert {number: [one.name[0] for one in photos] for number, photos in outcome.doubtful.items()} == {
        0: ["b", "d", "i"],
        1: ["g", "f"],
    }
    assert outcome.counts == {0: 7, 1: 2}


def test_a_model_without_unlikeness_leaves_its_columns_empty(collect, tmp_path: Path) -> None:
    predict(collect(a=draw(250)), tmp_path / "out")
    (row,) = read_rows(tmp_path / "out")
    assert (row["label"], row["unlikeness"], row["unlike_training"]) == ("<b>light</b>", "", "")
    assert pd.read_parquet(tmp_path / "out" / "predictions.parquet")["unlike_training"].tolist() == [None]


def test_what_is_unlike_is_a_group_of_its_own_and_comes_first(collect, tmp_path: Path) -> None:
    greys = {"a": 10, "b": 160, "c": 230, "d": 250}
    collection = collect(**{name: draw(grey) for name, grey in greys.items()})
    outcome = predict(collection, tmp_path / "out", brightness_and_unlikeness)
    groups = {number: [one.name[0] for one in photos] for number, photos in outcome.doubtful.items()}
    assert list(groups.items()) == [(predictions.UNLIKE, ["d", "c"]), (0, ["a"]), (1, ["b"])]
    assert outcome.counts == {0: 1, 1: 3}
    page = " ".join(sheet(outcome, collection, tmp_path).split())
    assert "unlike training<small>2 photos</small>" in page
    assert "light&lt;/b&gt;<small>1 photo</small>" in page
    assert page.count("data:image/jpeg;base64,") == 4


def test_nothing_readable_is_told_too(collect, tmp_path: Path) -> None:
    collection = collect(a=b"junk", b=b"")
    outcome = predict(collection, tmp_path / "out")
    assert outcome.num_unreadable == 2
    assert [row["label"] for row in read_rows(tmp_path / "out")] == ["", ""]
    page = sheet(outcome, collection, tmp_path)
    assert "empty file" in page


def sheet(outcome: Outcome, collection: PhotoCollection, folder: Path) -> str:
    path = folder / "contact-sheet.html"
    write_contact_sheet(outcome, collection, path, class_names=CLASSES, model="models:/m-1", source="/a&b")
    return path.read_text("utf-8")


def test_the_sheet_is_one_page_with_every_photo_named_and_nobodys_text_as_markup(collect, tmp_path: Path) -> None:
    collection = collect(**{"<i>x": draw(51), "y": draw(204), "z": draw(140), "w": b"<u>"})
    page = sheet(predict(collection, tmp_path / "out"), collection, tmp_path)
    assert page.count("data:image/jpeg;base64,") == 3
    for outside in ("http://", "https://", "<link", "@import", "<b>light", "<i>x", "<u>"):
        assert outside not in page
    assert "/a&amp;b" in page
    assert page.index('data-name="z.png"') < page.index('data-name="y.png"')
    assert 'alt="y.png: &lt;b&gt;light&lt;/b&gt;, 80.0 %"' in page


def test_every_file_that_was_given_has_a_row_or_is_counted_with_its_reason(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    photos = {"a": draw(51), "b": b"no photo"}
    others = {"<u>.pdf": b"%PDF", "c.zip": b"PK", ".DS_Store": b"", "IMG_1.MOV": b"movie"}
    loose.mkdir()
    for name, data in others.items():
        (loose / name).write_bytes(data)
    for name, data in photos.items():
        (loose / f"{name}.png").write_bytes(data)
    fetch_photos(str(loose), tmp_path / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
    collection = load_photos(tmp_path / "photos", labelled=False)
    outcome = predict(collection, tmp_path / "out")
    left_out = count_left_out(collection.manifest)
    assert [row["member"] for row in read_rows(tmp_path / "out")] == ["a.png", "b.png"]
    assert sorted(name for names in left_out.names.values() for name in names) == ["<u>.pdf", "IMG_1.MOV", "c.zip"]
    assert left_out.total() == 3
    lines = format_left_out(left_out, left_out.names)
    page = tmp_path / "sheet.html"
    write_contact_sheet(outcome, collection, page, class_names=CLASSES, model="m", source="s", left_out=lines)
    assert "1 × archive within the archive: c.zip" in page.read_text("utf-8")
    assert "&lt;u&gt;.pdf" in page.read_text("utf-8")


def test_the_sheet_says_what_it_leaves_out(collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawprint.serving.contact_sheet.MOST_PHOTOS", 4)
    greys = [10, 20, 30, 40, 50, 240]
    collection = collect(**{f"p{grey}": draw(grey) for grey in greys})
    page = sheet(predict(collection, tmp_path / "out"), collection, tmp_path)
    assert page.count("data:image/jpeg;base64,") == 3
    assert "the 2 most doubtful are here, the other 3 in predictions.csv" in " ".join(page.split())


def test_a_long_table_is_written_in_parts(collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BATCH", 2)
    monkeypatch.setattr(predictions, "ROW_GROUP", 4)
    from pyarrow import parquet

    predict(collect(**{f"p{grey}": draw(grey) for grey in range(11)}), tmp_path / "out")
    table = parquet.ParquetFile(tmp_path / "out" / "predictions.parquet").metadata
    assert (table.num_rows, table.num_row_groups) == (11, math.ceil(11 / 4))
