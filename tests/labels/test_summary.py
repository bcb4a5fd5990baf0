"""What is shown of a source before anything is computed: bounded, whatever it holds."""

from pathlib import Path

import pytest

from pawprint.base.errors import ChoiceError, UserError
from pawprint.labels.choice import check_labels
from pawprint.labels.readings import Labelled
from pawprint.labels.summary import format_counts, summarize_classes
from pawprint.photos.collection import load_photos, summarize_photos
from pawprint.photos.sources import fetch_photos, summarize_source


def write_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"photo " + name.encode())
    return folder


def test_a_thousand_classes_take_no_more_lines_than_two() -> None:
    photos = [
        Labelled(f"{'deep/' * 40}class number {label} {'x' * 90}/{n}.jpg", f"class number {label} {'x' * 90}", split)
        for label in range(1000)
        for split in ("train", "validation", "test")
        for n in range(2)
    ]
    reasons = {f"reason {n}": n + 1 for n in range(50)}
    lines = summarize_classes(
        photos,
        labels="folder",
        explanation="each class has a folder of its own",
        left_out=reasons,
        left_out_names={reason: ["y" * 500] for reason in reasons},
        notes=["z" * 500] * 9,
        groups=["g" * 500] * 9,
    )
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 160
    assert all(len(line) <= 160 for line in format_counts({"test": dict.fromkeys(map(str, range(1000)), 7)}))


def test_what_is_understood_is_the_same_before_and_after_the_download(tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "pets",
        *(f"{split}/{label}/{n}.jpg" for split in ("train", "test") for label in "ab" for n in range(3)),
    )
    write_files(folder, "Examples/1.jpg", "train/a/@eaDir/1.jpg")
    before = summarize_source(str(folder), labels="auto")
    fetch_photos(str(folder), tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    assert summarize_photos(tmp_path / "photos") == before
    assert before == [
        "classes: each class has a folder of its own (labels=folder)",
        "classes: 12 photos of 2 classes: 6 (a), 6 (b)",
        "test: 3 a, 3 b",
        "train: 3 a, 3 b",
        "for example a: test/a/0.jpg, test/a/1.jpg, test/a/2.jpg",
        "for example b: test/b/0.jpg, test/b/1.jpg, test/b/2.jpg",
        "left out: 1 × in a folder beside those of the classes: Examples/1.jpg",
        "left out: 1 × system file: train/a/@eaDir/1.jpg",
    ]


def test_an_odd_class_is_named_with_counts(tmp_path: Path) -> None:
    folder = write_files(tmp_path, *(f"train/{c}/{n}.jpg" for c in ("Cat", "dog", "emu") for n in range(3)))
    write_files(folder, "test/cat/1.jpg", "test/dog/1.jpg", "test/owl/1.jpg")
    notes = [line for line in summarize_source(str(folder), labels="auto") if line.startswith("note")]
    assert notes == [
        "note: 'Cat' (3 photos) and 'cat' (1 photo) are one class, spelt in two ways: taken as 'Cat'",
        "note: train lacks 'owl' (1 photo)",
        "note: test lacks 'emu' (3 photos)",
        "note: only 1 photo: 'owl'",
    ]


def test_another_runs_photos_are_read_as_they_were_there(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "x", *(f"{a}/{b}/{n}.jpg" for a in "ab" for b in "cd" for n in range(2)))
    with pytest.raises(ChoiceError, match=r"labels=folder:1  a \(4\), b \(4\)\n.*labels=folder:2  c \(4\), d \(4\)"):
        summarize_source(str(folder), labels="auto")
    fetch_photos(str(folder), tmp_path / "1", keep_photos="copy", resolve_uri=Path, labels="folder:2")
    for labels, expected in (("auto", "cd"), ("folder:1", "ab")):
        place = tmp_path / f"again {labels}"
        fetch_photos(
            "runs:/1/photos", place, keep_photos="reference", resolve_uri=lambda _: tmp_path / "1", labels=labels
        )
        collection = load_photos(place)
        assert {photo.label for photo in collection.photos} == set(expected)
        assert all(collection.read(photo).startswith(b"photo") for photo in collection.photos)
    first, second = (load_photos(tmp_path / f"again {labels}").manifest for labels in ("auto", "folder:1"))
    assert first.sha256 == second.sha256
    assert first.labels_sha256 != second.labels_sha256


def test_a_table_is_kept_beside_the_photos_and_a_readme_is_not(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "x", "a/1.jpg", "b/1.jpg", "labels.csv", "README.txt")
    fetch_photos(str(folder), tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    import zipfile

    with zipfile.ZipFile(tmp_path / "photos" / "x.zip") as archive:
        assert archive.namelist() == ["a/1.jpg", "b/1.jpg", "labels.csv"]


def test_photos_without_a_suffix_are_known_by_their_content(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "x", "a/notes", "a/1.xyz")
    for name, head in (
        ("a/1", b"\xff\xd8\xff\xe0"),
        ("a/2.jpg_large", b"\xff\xd8\xff\xe0"),
        ("b/1.JPG?w=800", b"\x89PNG\r\n\x1a\n"),
        ("b/2", b"RIFF\0\0\0\0WEBP"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(head + bytes(40))
    import shutil

    for form in ("folder", "zip", "gztar"):
        source = folder if form == "folder" else Path(shutil.make_archive(str(tmp_path / form), form, folder))
        place = tmp_path / f"photos-{form}"
        manifest = fetch_photos(str(source), place, keep_photos="copy", resolve_uri=Path)
        assert manifest.counts == {"unassigned": {"a": 2, "b": 2}}
        assert manifest.ignored == {"not a photo": 2}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("", "labels is empty"),
        ("folder:0", "names no level"),
        ("folder:one", "names no level"),
        (r"(\w+)_\d+", r"no group \(\?P<label>…\)"),
        ("(?P<label>[a-z]+", "is no regular expression"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_before_any_photos_are_seen(labels: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_labels(labels)


@pytest.mark.parametrize("labels", ["missing.csv", "(?P<label>zzz)", "folder:7", "prefix"])
def test_a_value_that_fits_no_photo_is_refused_before_any_work(labels: str, tmp_path: Path) -> None:
    folder = write_files(tmp_path, "a/1.jpg", "b/2.jpg")
    with pytest.raises(UserError, match="labels="):
        summarize_source(str(folder), labels=labels)
