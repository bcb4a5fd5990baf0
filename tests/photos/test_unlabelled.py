"""Photos that a model is to label: they need no classes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.photos.collection import PhotoCollection, load_photos, summarize_photos
from pawprint.photos.sources import check_source, fetch_photos, find_tracked

Tiny = Callable[..., Path]


def fetch(source: str | Path, folder: Path, keep_photos: str = "reference") -> PhotoCollection:
    check_source(str(source), labelled=False)
    fetch_photos(str(source), folder, keep_photos=keep_photos, resolve_uri=Path, labelled=False)
    return load_photos(folder, labelled=False)


@pytest.fixture
def loose(tiny_photos: Tiny, tmp_path: Path) -> Path:
    """Photos beside each other, as they come from a phone, with other files among them."""
    folder = tmp_path / "loose"
    folder.mkdir()
    for number, photo in enumerate(sorted(tiny_photos(photos=3).rglob("*.jpg"))):
        (folder / f"IMG_{number:04d}.jpg").write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_loose_photos_are_all_there(form: str, keep_photos: str, loose: Path, tmp_path: Path) -> None:
    source = loose if form == "folder" else Path(shutil.make_archive(str(tmp_path / "loose"), form, loose))
    collection = fetch(source, tmp_path / "photos", keep_photos)
    names = [collection.name(photo).removeprefix("./") for photo in collection.photos]
    assert names == [f"IMG_{number:04d}.jpg" for number in range(6)]
    for name, photo in zip(names, collection.photos, strict=True):
        assert photo.label == ""
        assert collection.read(photo) == (loose / name).read_bytes()


def test_one_class_is_enough_and_no_labels_are_read(tiny_photos: Tiny, tmp_path: Path) -> None:
    folder = tiny_photos(classes=("cats",))
    (folder / "IMG_1.jpg").write_bytes((folder / "cats" / "0001.jpg").read_bytes())
    collection = fetch(folder, tmp_path / "photos")
    assert [photo.label for photo in collection.photos] == [""] * 7


def test_photos_of_download_are_read_with_those_it_found_no_class_for(tiny_photos: Tiny, tmp_path: Path) -> None:
    folder = tiny_photos()
    (folder / "IMG_1.jpg").write_bytes((folder / "cats" / "0001.jpg").read_bytes())
    fetch_photos(str(folder), tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    assert len(load_photos(tmp_path / "photos").photos) == 12
    assert len(load_photos(tmp_path / "photos", labelled=False).photos) == 13


def test_no_photos_are_known_before_any_run(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"holds no photos \(1 × not a photo: notes.txt\)"):
        check_source(str(tmp_path), labelled=False)


def test_two_archives_are_told_apart(tiny_photos: Tiny, tmp_path: Path) -> None:
    source = f"train={tiny_photos(name='a', photos=1)}+test={tiny_photos(name='b', photos=1)}"
    collection = fetch(source, tmp_path / "photos")
    assert sorted(map(collection.name, collection.photos)) == [
        f"{number}:{label}/0001.jpg" for number in (0, 1) for label in ("cats", "dogs")
    ]


def test_only_photos_that_one_run_tracks_need_no_fetching(tmp_path: Path) -> None:
    assert find_tracked("runs:/1f/photos") == "runs:/1f/photos"
    for source in (str(tmp_path), "synthetic", "train=runs:/1/photos+test=runs:/2/photos"):
        assert find_tracked(source) is None


def test_what_download_says_of_photos_without_classes(loose: Path, tmp_path: Path) -> None:
    fetch(loose, tmp_path / "photos")
    assert summarize_photos(tmp_path / "photos") == ["6 photos, whose classes are not asked for"]
