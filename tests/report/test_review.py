"""review.html: which photos it shows, and that nothing in it runs but its own script."""

import csv
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawprint.dataset.corrections import Correction
from pawprint.dataset.reader import Dataset, load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.evaluation.doubts import Predictions
from pawprint.evaluation.slices import Slice
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.report import review_page
from pawprint.report.review import render_review

TinyPhotos = Callable[..., Path]


def prepare(source: Path, folder: Path, rows: Iterable[Correction] = ()) -> tuple[Dataset, PhotoCollection]:
    if not (photos := folder.parent / "photos").exists():
        fetch_photos(str(source), photos, keep_photos="copy", resolve_uri=Path)
    collection = load_photos(photos)
    sizes = {"image_size": 16, "train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0}
    write_dataset(collection, folder, **sizes, corrections=list(rows))  # type: ignore[arg-type]
    return load_dataset(folder), collection


def agree(data: Dataset, sure: float = 0.95) -> dict[str, Predictions]:
    """What models say that agree with every label."""
    found = {}
    for split, photos in data.splits.items():
        probabilities = np.full((len(photos), len(data.class_names)), (1 - sure) / (len(data.class_names) - 1))
        probabilities[np.arange(len(photos)), photos.labels] = sure
        found[split] = Predictions(split, photos.members, photos.labels, probabilities, np.zeros(len(photos)))
    return found


def read_content(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    content: dict[str, Any] = json.loads(text)
    return content


def test_the_most_valuable_photos_come_first_with_their_reasons(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    data, collection = prepare(tiny_photos(photos=30), tmp_path / "dataset")
    said = agree(data)
    said["train"].probabilities[3] = said["train"].probabilities[3][::-1]
    said["test"].probabilities[1] = said["test"].probabilities[1][::-1]
    said["validation"].probabilities[0] = 0.5
    assert said["test"].unlikeness is not None
    said["test"].unlikeness[2] = 1.5
    slices = [Slice("class", data.class_names[data.splits["test"].labels[1]], 30, 1)]
    page = render_review("0" * 32, tmp_path / "dataset", data, list(said.values()), slices, collection)
    photos = read_content(page)["photos"]
    names = [photo["name"] for photo in photos]
    train, validation, test = (data.splits[split].members for split in ("train", "validation", "test"))
    assert names == [train[3], test[1], test[2], validation[0]]
    assert [photo["why"][0][:12] for photo in photos] == [
        "Its label is",
        "Its label is",
        "Unlike anyth",
        "A model is u",
    ]
    assert photos[1]["why"][1].startswith("A mistake in the weakest slice: class ")
    assert photos[0]["answers"][0][1] == 0.95
    assert photos[0]["photo"].startswith("data:image/jpeg;base64,")
    assert all(re.fullmatch("[0-9a-f]{64}", photo["digest"]) for photo in photos)


def test_a_picture_under_two_labels_is_shown_once(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    (source / "dogs" / "both.jpg").write_bytes((source / "cats" / "0001.jpg").read_bytes())
    data, collection = prepare(source, tmp_path / "dataset")
    page = render_review("0" * 32, tmp_path / "dataset", data, list(agree(data).values()), [], collection)
    (photo,) = read_content(page)["photos"]
    assert photo["why"] == ["It is not used: the same photo has the labels cats and dogs"]
    assert photo["answers"] == []


def test_what_is_settled_is_not_shown_again_but_saved_again(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    data, collection = prepare(source, tmp_path / "dataset")
    with (tmp_path / "dataset" / "index.csv").open(newline="") as file:
        index = {row["member"]: row for row in csv.DictReader(file)}
    member = data.splits["train"].members[0]
    row = Correction(index[member]["sha256"], member, "keep", index[member]["label"], "", "", "Anna")
    again, _ = prepare(source, tmp_path / "again", [row])
    for folder, dataset, shown in ((tmp_path / "dataset", data, 1), (tmp_path / "again", again, 0)):
        said = agree(dataset)
        said["train"].probabilities[0] = said["train"].probabilities[0][::-1]
        content = read_content(render_review("0" * 32, folder, dataset, list(said.values()), [], collection))
        assert len(content["photos"]) == shown
        assert [one["reviewer"] for one in content["earlier"]] == ["Anna"] * (1 - shown)


def test_markup_in_names_is_text(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    source = tiny_photos(classes=(evil, "=cmd()"), photos=20)
    data, collection = prepare(source, tmp_path / "dataset")
    assert data.class_names == (evil, "=cmd()") or set(data.class_names) == {evil, "=cmd()"}
    said = {split: replace(one, probabilities=one.probabilities[:, ::-1]) for split, one in agree(data).items()}
    page = render_review("0" * 32, tmp_path / "dataset", data, list(said.values()), [], collection)
    assert evil not in page
    assert set(read_content(page)["classes"]) == {evil, "=cmd()"}
    for path in (tmp_path / "dataset").glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))], path.name


def test_a_page_of_many_photos_stays_small_and_names_the_rest(
    tiny_photos: TinyPhotos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = prepare(tiny_photos(photos=30), tmp_path / "dataset")
    said = list(agree(data, sure=0.55).values())
    whole = read_content(render_review("0" * 32, tmp_path / "dataset", data, said, [], None))
    assert len(whole["photos"]) == 60
    monkeypatch.setattr(review_page, "MOST_CHARACTERS", sum(len(photo["photo"]) for photo in whole["photos"][:10]))
    page = render_review("0" * 32, tmp_path / "dataset", data, said, [], None)
    assert len(read_content(page)["photos"]) == 10
    assert "50 more photos are worth a look" in page
    assert len(read_content(page)["rest"]) == 50
