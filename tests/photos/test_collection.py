import json
import multiprocessing
import pickle
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos

Tiny = Callable[..., Path]


def fetch(source: Path, folder: Path, keep_photos: str = "copy") -> Path:
    fetch_photos(str(source), folder, keep_photos=keep_photos, resolve_uri=Path)
    return folder


def read_backwards(collection: PhotoCollection) -> list[int]:
    return [sum(collection.read(photo)) for photo in reversed(collection.photos)]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # other fixtures' threads
@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_a_collection_can_be_sent_to_processes_and_forked(keep_photos: str, tiny_photos: Tiny, tmp_path: Path) -> None:
    collection = load_photos(fetch(tiny_photos(photos=30), tmp_path / "photos", keep_photos))
    expected = read_backwards(collection)  # opens the zip before the fork: its file position is shared then
    assert read_backwards(pickle.loads(pickle.dumps(collection))) == expected  # noqa: S301 - our own
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(read_backwards, [collection] * 8) == [expected] * 8


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_a_collection_sent_to_another_machine_finds_its_photos_there(
    keep_photos: str, tiny_photos: Tiny, tmp_path: Path
) -> None:
    fetch(tiny_photos(photos=10), tmp_path / "photos", keep_photos)
    there = tmp_path / "there"
    collection = load_photos(tmp_path / "photos", elsewhere=partial(Path, there))
    expected = read_backwards(collection)
    sent = pickle.dumps(collection)
    assert read_backwards(pickle.loads(sent)) == expected  # noqa: S301 - our own; the same disk needs nothing there
    shutil.move(tmp_path / "photos", there)
    if keep_photos == "copy":
        assert read_backwards(pickle.loads(sent)) == expected  # noqa: S301
        archive = next(there.glob("*.zip"))
        archive.write_bytes(archive.read_bytes() + b"\0")
        with pytest.raises(UserError, match="sha256 differs"):
            read_backwards(pickle.loads(sent))  # noqa: S301


def test_photos_are_sorted_by_name(tiny_photos: Tiny, tmp_path: Path) -> None:
    names = [photo.member for photo in load_photos(fetch(tiny_photos(), tmp_path / "photos")).photos]
    assert names == sorted(names)


def test_an_archive_that_was_changed_is_refused(tiny_photos: Tiny, tmp_path: Path) -> None:
    folder = fetch(tiny_photos(), tmp_path / "photos")
    archive = next(folder.glob("*.zip"))
    archive.write_bytes(archive.read_bytes() + b"\0")
    with pytest.raises(UserError, match="sha256 differs"):
        load_photos(folder)
    archive.unlink()
    with pytest.raises(UserError, match="is missing from the photos artifact"):
        load_photos(folder)


def test_a_folder_kept_by_reference_is_checked_photo_by_photo(tiny_photos: Tiny, tmp_path: Path) -> None:
    source = tiny_photos()
    folder = fetch(source, tmp_path / "photos", "reference")
    (source / "cats" / "new.jpg").write_bytes(b"came later")
    (source / "cats" / "0001.jpg").write_bytes(b"another photo")
    (source / "cats" / "0002.jpg").unlink()
    collection = load_photos(folder)
    assert len(collection.photos) == 12
    by_name = {photo.member: photo for photo in collection.photos}
    with pytest.raises(UserError, match=r"0001\.jpg has changed"):
        collection.read(by_name["cats/0001.jpg"])
    with pytest.raises(UserError, match=r"0002\.jpg, kept by reference, cannot be read"):
        collection.read(by_name["cats/0002.jpg"])
    assert collection.read(by_name["cats/0003.jpg"])


def test_what_was_kept_by_reference_and_is_gone(tiny_zip: Path, tmp_path: Path) -> None:
    from_zip = fetch(tiny_zip, tmp_path / "a", "reference")
    from_folder = fetch(tmp_path / "tiny-photos", tmp_path / "b", "reference")
    tiny_zip.rename(tmp_path / "moved.zip")
    (tmp_path / "tiny-photos").rename(tmp_path / "moved")
    for folder in (from_zip, from_folder):
        with pytest.raises(UserError, match="which is not there"):
            load_photos(folder)


def test_a_zip_kept_by_reference_that_changed(tiny_zip: Path, tmp_path: Path) -> None:
    folder = fetch(tiny_zip, tmp_path / "photos", "reference")
    tiny_zip.write_bytes(tiny_zip.read_bytes() + b"\0")
    with pytest.raises(UserError, match="has changed since"):
        load_photos(folder)


def test_one_damaged_photo_leaves_the_others_readable(tiny_photos: Tiny, tmp_path: Path) -> None:
    folder = fetch(tiny_photos(), tmp_path / "photos")
    archive = next(folder.glob("*.zip"))
    data = archive.read_bytes()
    photo = (tmp_path / "tiny-photos" / "cats" / "0001.jpg").read_bytes()
    archive.write_bytes(data.replace(photo, bytes(len(photo))))
    broken = tmp_path / "broken"
    collection = load_photos(fetch(archive, broken))
    with pytest.raises(UnreadableMemberError, match="CRC"):
        collection.read(collection.photos[0])
    assert collection.read(collection.photos[1])


def test_a_folder_that_is_no_photos_artifact(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no photos artifact"):
        load_photos(tmp_path)


def test_a_manifest_of_another_schema_or_edited(tiny_zip: Path, tmp_path: Path) -> None:
    folder = fetch(tiny_zip, tmp_path / "photos")
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "schema_version": 1}))
    with pytest.raises(UserError, match="schema version 1; this version of pawprint reads 2"):
        load_photos(folder)
    path.write_text(json.dumps({**content, "counts": {"train": {"cats": 12}}}))
    with pytest.raises(UserError, match="does not agree"):
        load_photos(folder)
    path.write_text(json.dumps({**content, "colour": "red"}))
    with pytest.raises(UserError, match="not a manifest"):
        load_photos(folder)
    path.write_text("[]")
    with pytest.raises(UserError, match="schema version None"):
        load_photos(folder)
