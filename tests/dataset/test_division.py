"""write_dataset with groups, times and a table's columns, on photos that are drawn."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pawprint.base.errors import UserError
from pawprint.dataset.division import Division
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.splits import Candidate
from pawprint.dataset.writer import write_dataset
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos

TinyPhotos = Callable[..., Path]
Rows = list[dict[str, str]]


def collect(source: Path, folder: Path) -> PhotoCollection:
    fetch_photos(str(source), folder, keep_photos="copy", resolve_uri=Path)
    return load_photos(folder)


def with_table(collection: PhotoCollection, columns: dict[str, Callable[[int], str]]) -> PhotoCollection:
    """The same photos with columns, each a function of the photo's number in its class."""
    collection.columns = tuple(columns)
    collection.photos = [
        replace(photo, columns=tuple(value(int(Path(photo.member).stem)) for value in columns.values()))
        for photo in collection.photos
    ]
    return collection


def write(collection: PhotoCollection, folder: Path, **changes: Any) -> tuple[dict[str, Any], Rows]:
    wanted = {"image_size": 16, "train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0, **changes}
    description = write_dataset(collection, folder, **wanted)
    with (folder / "index.csv").open(newline="") as file:
        return description, list(csv.DictReader(file))


def test_patients_of_a_column_stand_on_one_side_and_the_table_is_kept(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    columns = {"patient": lambda number: f"P{number // 4}", "split": lambda number: str(number % 2)}
    photos = with_table(collect(tiny_photos(photos=40), tmp_path / "photos"), columns)
    description, rows = write(photos, tmp_path / "dataset", group="patient")
    assert len(rows) == 80
    for patient in {row["patient"] for row in rows}:
        assert len({row["split"] for row in rows if row["patient"] == patient}) == 1
    assert {row["table_split"] for row in rows} == {"0", "1"}
    assert description["requested"]["group"] == "patient"
    assert description["notes"] == [
        "group=patient: 80 photos in 11 groups, none of which stands on two sides of the split; "
        "the largest, 'P9', has 8"
    ]
    assert load_dataset(tmp_path / "dataset").splits["test"].columns["patient"]


def test_the_past_trains_and_the_future_tests(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=30, splits=("train", "test"))
    columns = {"taken": lambda number: f"2024-{1 + number // 28:02}-{1 + number % 28:02}"}
    photos = with_table(collect(source, tmp_path / "photos"), columns)
    description, rows = write(photos, tmp_path / "dataset", split_by_time="taken")
    spans = {
        split: [row["taken"] for row in rows if row["split"] == split] for split in ("train", "validation", "test")
    }
    assert max(spans["train"]) < min(spans["validation"]) <= max(spans["validation"]) < min(spans["test"])
    assert len(rows) == 120
    assert description["notes"] == [
        "split_by_time=taken: train up to 2024-01-20, validation up to 2024-01-25, test up to 2024-02-03",
        "the split that folders name (test, train) is not followed: time divides",
    ]


def test_a_table_that_is_not_there_changes_no_byte(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=10)
    write(collect(source, tmp_path / "photos"), tmp_path / "dataset")
    assert (tmp_path / "dataset" / "index.csv").read_text().splitlines()[0] == (
        "split,row,shard,position,label,member,sha256"
    )
    assert load_dataset(tmp_path / "dataset").splits["test"].columns == {}


def test_a_class_of_one_group_only_is_refused_by_name(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    for path in list((source / "dogs").iterdir()):
        path.rename(path.with_name(f"P1_{path.name}"))
    for path in list((source / "cats").iterdir()):
        path.rename(path.with_name(f"P{2 + int(path.stem) % 5}_{path.name}"))
    with pytest.raises(
        UserError, match=r"group=\^P\\d\+ leaves too few photos to 'dogs' \(.*, of different groups: add"
    ):
        write(collect(source, tmp_path / "photos"), tmp_path / "dataset", group=r"^P\d+")


def test_a_class_without_a_future_is_refused_by_name(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    photos = with_table(collect(source, tmp_path / "photos"), {"year": lambda number: str(2000 + number)})
    photos.photos = [replace(p, columns=("1990",)) if p.label == "dogs" else p for p in photos.photos]
    with pytest.raises(UserError, match=r"split_by_time=year leaves too few photos, before or after, to 'dogs'"):
        write(photos, tmp_path / "dataset", split_by_time="year")


def test_groups_too_few_for_validation_are_refused(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    photos = with_table(collect(tiny_photos(photos=20), tmp_path / "photos"), {"site": lambda number: str(number % 2)})
    with pytest.raises(UserError, match="group=site can't be divided into training, validation and test"):
        write(photos, tmp_path / "dataset", group="site")
    write(photos, tmp_path / "without", group="site", validation_fraction=0)


def test_a_wrong_column_is_said_before_photos_are_read(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    photos = collect(tiny_photos(photos=5), tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(UserError, match="group=patient: there is no table"):
        write(photos, tmp_path / "dataset", group="patient")
    assert not (tmp_path / "dataset").exists()


def test_photos_that_their_group_keeps_out_are_named(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20, splits=("train", "test"))
    for path in list(source.rglob("*.jpg")):
        path.rename(path.with_name(f"P{int(path.stem) + (18 if 'test' in path.parts else 0)}_{path.name}"))
    description, rows = write(collect(source, tmp_path / "photos"), tmp_path / "dataset", group=r"^(P\d+)_")
    assert sum(row["split"] == "test" for row in rows) == 40
    assert description["left_out"]["groups"] == 4
    assert "4 photos are left out since others of their group are in the test" in description["notes"][1]
    with (tmp_path / "dataset" / "quarantine.csv").open(newline="") as file:
        reasons = {row["member"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons["train/cats/P19_0019.jpg"] == "of the group 'P19', which is in test (test/cats/P19_0001.jpg)"
    assert json.loads((tmp_path / "dataset" / "dataset.json").read_text()) == description


def test_a_group_goes_by_its_latest_photo_and_the_earlier_ones_are_counted(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    columns = {"day": str, "animal": lambda number: "old and new" if number in {1, 30} else f"A{number}"}
    photos = with_table(collect(tiny_photos(photos=30), tmp_path / "photos"), columns)
    description, rows = write(photos, tmp_path / "dataset", split_by_time="day", group="animal")
    assert {row["split"] for row in rows if row["animal"] == "old and new"} == {"test"}
    assert description["notes"][1].endswith(
        "2 earlier photos of validation and test are there with later ones of their groups"
    )


def test_only_the_photos_that_are_asked_for_are_taken(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    columns = {"site": lambda number: "Oslo" if number % 3 else "Bergen"}
    photos = with_table(collect(tiny_photos(photos=30), tmp_path / "photos"), columns)
    description, rows = write(photos, tmp_path / "dataset", where="site=Oslo")
    assert {row["site"] for row in rows} == {"Oslo"}
    assert (len(rows), description["notes"]) == (40, ["where=site=Oslo: 40 of 60 photos are used"])
    assert len(write(photos, tmp_path / "others", where="site!=Oslo")[1]) == 20


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("Oslo", "is no condition; expected column=value"),
        ("sites=Oslo", r"no column 'sites' \(did you mean site\?\); the table has the columns site"),
        ("site=oslo", r"no photo has 'oslo' in the column 'site'; its most frequent values are 'Oslo' \(20\)"),
        ("site!=Oslo", "leaves no photo"),
    ],
)
def test_a_condition_that_says_nothing_is_refused_with_what_there_is(
    tiny_photos: TinyPhotos, tmp_path: Path, where: str, message: str
) -> None:
    photos = with_table(collect(tiny_photos(photos=10), tmp_path / "photos"), {"site": lambda _: "Oslo"})
    with pytest.raises(UserError, match=message):
        write(photos, tmp_path / "dataset", where=where)


def test_near_duplicates_that_join_a_class_to_one_group_are_refused_and_not_left_out() -> None:
    photos = [Candidate(f"{label}{n}", label, None, f"{label}{n}", f"W{n}") for label in "ab" for n in range(10)]
    chain = [{f"a{n}", f"a{n + 1}"} for n in range(9)]
    joined = [{c.member for c in photos if c.label == "a"}]
    division = Division(0, 0, 0.1, 0)
    alone = [replace(c, group=None) for c in photos]
    with pytest.raises(UserError, match=r"^near duplicates join 20 photos to 11 groups .* near_duplicates=off$"):
        division.divide(alone, joined)
    with pytest.raises(UserError, match=r"^group=writer and near duplicates join 20 photos to 1 groups"):
        replace(division, group="writer").divide(photos, chain)
