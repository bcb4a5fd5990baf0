import errno
import json
import logging
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.drawn import drawings
from pawprint.photos.collection import load_photos
from pawprint.photos.manifest import Manifest, load_manifest
from pawprint.photos.sources import check_source, fetch_photos

Tiny = Callable[..., Path]


def fetch(source: str | Path, folder: Path, keep_photos: str = "copy") -> Manifest:
    def resolve_uri(uri: str) -> Path:
        runs, found = str(folder.parent), Path(uri.removeprefix("runs:/"))
        if not (Path(runs) / found).is_dir():
            raise UserError(f"{uri} is not known to the tracking server")
        return Path(runs) / found

    check_source(str(source))
    manifest = fetch_photos(str(source), folder, keep_photos=keep_photos, resolve_uri=resolve_uri)
    assert load_manifest(folder) == manifest
    return manifest


def read_all(folder: Path) -> dict[str, bytes]:
    collection = load_photos(folder)
    return {photo.member: collection.read(photo) for photo in collection.photos}


def test_a_zip_is_kept_as_it_came(tiny_zip: Path, tmp_path: Path) -> None:
    manifest = fetch(tiny_zip, tmp_path / "photos")
    assert (tmp_path / "photos" / "tiny.zip").read_bytes() == tiny_zip.read_bytes()
    assert manifest.sha256 == hash_file(tiny_zip)
    assert manifest.bytes == tiny_zip.stat().st_size
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert manifest.source == manifest.requested == str(tiny_zip)
    assert manifest.fallback == []
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == [
        "manifest.json",
        "photos.csv",
        "tiny.zip",
    ]


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz", "file://"])
def test_every_local_form_gives_the_same_photos(form: str, keep_photos: str, tiny_zip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny-photos"
    source: str | Path = folder
    if form == "zip":
        source = tiny_zip
    elif form == "tar.gz":
        source = tmp_path / "tiny.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(folder, "pets")
    elif form == "file://":
        source = tiny_zip.as_uri()
    manifest = fetch(source, tmp_path / "photos", keep_photos)
    expected = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}
    assert {name.removeprefix("pets/"): data for name, data in read_all(tmp_path / "photos").items()} == expected
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    files = {path.suffix for path in (tmp_path / "photos").iterdir()}
    assert (".zip" in files) == (keep_photos == "copy")


def test_three_classes_in_splits(tiny_photos: Tiny, tmp_path: Path) -> None:
    folder = tiny_photos(classes=("ant", "bee", "cow"), photos=2, splits=("train", "val", "test"))
    (folder / "notes.txt").write_text("hello")
    manifest = fetch(folder, tmp_path / "photos")
    assert manifest.counts == {
        split: dict.fromkeys(("ant", "bee", "cow"), 2) for split in ("test", "train", "validation")
    }
    assert manifest.ignored == {"not a photo": 1}


def test_a_folder_packs_to_the_same_digest_wherever_it_lies(tiny_photos: Tiny, tmp_path: Path) -> None:
    first, second = tiny_photos(name="here", seed=3), tiny_photos(name="there", seed=3)
    assert fetch(first, tmp_path / "a").sha256 == fetch(second, tmp_path / "b").sha256
    assert fetch(first, tmp_path / "c", "reference").sha256 == fetch(second, tmp_path / "d", "reference").sha256


def test_a_pair_of_archives(tiny_photos: Tiny, tmp_path: Path) -> None:
    train, test = tiny_photos(name="a", photos=5), tiny_photos(name="b", photos=2, seed=1)
    manifest = fetch(f"train={train}+test={test}", tmp_path / "photos")
    assert manifest.counts == {"train": {"cats": 5, "dogs": 5}, "test": {"cats": 2, "dogs": 2}}
    assert [archive.split for archive in manifest.archives] == ["train", "test"]
    collection = load_photos(tmp_path / "photos")
    for photo in collection.photos:
        home = train if photo.split == "train" else test
        assert collection.read(photo) == (home / photo.member).read_bytes()
    swapped = fetch(f"test={test}+train={train}", tmp_path / "swapped")
    other = fetch(f"train={test}+test={train}", tmp_path / "other")
    assert swapped.sha256 == manifest.sha256 != other.sha256


def test_a_pair_may_have_one_class_in_each(tiny_photos: Tiny, tmp_path: Path) -> None:
    cats, dogs = tiny_photos(name="a", classes=("cats",)), tiny_photos(name="b", classes=("dogs",))
    assert fetch(f"train={cats}+test={dogs}", tmp_path / "photos").counts["test"] == {"dogs": 6}


def test_archives_of_one_name_do_not_overwrite_each_other(tiny_photos: Tiny, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    train, test = tiny_photos(name="x/pets"), tiny_photos(name="pets", seed=1)
    fetch(f"train={train}+test={test}", tmp_path / "photos")
    assert sorted(path.name for path in (tmp_path / "photos").glob("*.zip")) == ["pets.zip", "test-pets.zip"]
    assert len(load_photos(tmp_path / "photos").photos) == 24


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_photos_of_another_run(keep_photos: str, tiny_photos: Tiny, tmp_path: Path) -> None:
    source = f"train={tiny_photos(name='a')}+test={tiny_photos(name='b', seed=1)}"
    first = fetch(source, tmp_path / "123" / "photos", keep_photos)
    (tmp_path / "photos").parent.mkdir(exist_ok=True)
    second = fetch("runs:/123/photos", tmp_path / "again", "reference")
    assert second.sha256 == first.sha256
    assert second.counts == first.counts
    assert second.source == "runs:/123/photos"
    assert read_all(tmp_path / "again") == read_all(tmp_path / "123" / "photos")


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"runs:/404/photos is not known"):
        fetch("runs:/404/photos", tmp_path / "photos")


def test_drawn_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = fetch("synthetic:8:3", tmp_path / "a")
    assert copied.source == "synthetic:8:3"
    assert copied.licence
    assert sum(sum(classes.values()) for classes in copied.counts.values()) == 8
    referred = fetch("synthetic:8:3", tmp_path / "b", "reference")
    assert referred.sha256 == copied.sha256
    assert referred.archives[0].location == "synthetic:8:3"
    for made in (tmp_path / "cache" / "made").iterdir():
        made.unlink()
    assert read_all(tmp_path / "b") == read_all(tmp_path / "a")
    for made in (tmp_path / "cache" / "made").iterdir():
        made.unlink()
    monkeypatch.setattr(drawings, "write_drawings", lambda path, **_: path.write_bytes(b"another version's"))
    with pytest.raises(UserError, match="drawn otherwise"):
        load_photos(tmp_path / "b")


def test_the_first_that_can_be_had_wins_and_the_others_are_named(
    tiny_zip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        manifest = fetch(f"{tmp_path}/away.zip,{tiny_zip},synthetic", tmp_path / "photos")
    assert manifest.source == str(tiny_zip)
    assert manifest.requested == f"{tmp_path}/away.zip,{tiny_zip},synthetic"
    assert [one["source"] for one in manifest.fallback] == [f"{tmp_path}/away.zip"]
    assert "does not exist" in manifest.fallback[0]["reason"]
    assert f"trying {tiny_zip} instead" in caplog.text
    assert f"using {tiny_zip}, NOT {tmp_path}/away.zip" in caplog.text


def test_a_source_that_is_there_but_wrong_is_not_passed_over(tiny_photos: Tiny, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one class only, 'cats'"):
        fetch_photos(
            f"{tiny_photos(classes=('cats',))},synthetic", tmp_path / "photos", keep_photos="copy", resolve_uri=Path
        )
    assert not (tmp_path / "photos").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".photos")]


def test_when_nothing_can_be_had_every_reason_is_given(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.zip.*does not exist.*b\.zip.*does not exist"):
        fetch_photos(f"{tmp_path}/a.zip,{tmp_path}/b.zip", tmp_path / "p", keep_photos="copy", resolve_uri=Path)


@pytest.mark.parametrize("place", ["zip", "folder"])
@pytest.mark.parametrize(
    ("classes", "words"),
    [((), "holds no labelled photos"), (("cats",), "photos of one class only, 'cats', and a classifier needs two")],
)
def test_one_class_or_none_is_known_before_any_step(
    place: str, classes: tuple[str, ...], words: str, tiny_photos: Tiny, tmp_path: Path
) -> None:
    folder = tiny_photos(classes=classes)
    folder.mkdir(exist_ok=True)
    (folder / "readme.txt").write_text("hello")
    source = folder
    if place == "zip":
        source = Path(shutil.make_archive(str(tmp_path / "pets"), "zip", folder))
    with pytest.raises(UserError, match=words):
        check_source(str(source))


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no labelled photos; expected a folder for each class"):
        check_source(str(tmp_path / "empty"))


def test_an_archive_with_a_password_is_said_to_have_one(tiny_zip: Path) -> None:
    data = bytearray(tiny_zip.read_bytes())
    for start in range(len(data)):
        if data[start : start + 4] == b"PK\x01\x02":
            data[start + 8] |= 1
    tiny_zip.write_bytes(data)
    with pytest.raises(UserError, match="without a password"):
        check_source(str(tiny_zip))


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"<!DOCTYPE html><html><title>Sign in</title>", "an HTML page"),
        (b"\xff\xd8\xff\xe0 and so on", "a JPEG photo"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"PK\x03\x04 the beginning only", "a zip that is cut short or damaged"),
        (b"label,path\n", "text: 'label,path"),
        (b"\x00\x01\x02", "bytes 00 01 02"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_archive_is_said_to_look_like(content: bytes, looks: str, tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(content)
    with pytest.raises(UserError) as error:
        check_source(f"{tmp_path}/pets.zip")
    assert looks in str(error.value)


def test_a_relative_path_is_taken_from_where_the_step_runs(
    tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = fetch("tiny.zip", tmp_path / "photos", "reference")
    assert manifest.archives[0].location == str(tiny_zip)


def test_a_relative_path_of_a_git_run_is_answered_with_why(
    tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(
        UserError, match=r"give an absolute path: a run started from a git URL runs in MLflow's own clone"
    ):
        check_source("./tiny.zip")
    called_from = tmp_path / "Fotos für mich"
    called_from.mkdir()
    tiny_zip.rename(called_from / "tiny.zip")
    # As MLflow writes it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{quote(str(called_from))}/mlflow.db")
    with pytest.raises(UserError) as error:
        check_source("./tiny.zip")
    assert f"(perhaps {called_from / 'tiny.zip'})" in str(error.value)


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_a_file_that_may_not_be_read(
    keep_photos: str, tiny_photos: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes = Path.read_bytes

    def refuse_one(path: Path) -> bytes:
        if path.name == "0003.jpg":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse_one)  # root, as in containers, may read whatever chmod says
    with pytest.raises(UserError, match=r"0003\.jpg cannot be read \(Permission denied\)"):
        fetch(tiny_photos(), tmp_path / "photos", keep_photos)


def test_an_artifact_is_not_written_over_another(tiny_zip: Path, tmp_path: Path) -> None:
    fetch(tiny_zip, tmp_path / "photos")
    with pytest.raises(UserError, match="not empty"):
        fetch(tiny_zip, tmp_path / "photos")
    assert load_photos(tmp_path / "photos").photos


def test_keep_photos_of_another_kind(tiny_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keep_photos is 'move'; expected one of copy, reference"):
        fetch(tiny_zip, tmp_path / "photos", "move")


def test_the_manifest_is_plain_json(tiny_zip: Path, tmp_path: Path) -> None:
    fetch(tiny_zip, tmp_path / "photos")
    content = json.loads((tmp_path / "photos" / "manifest.json").read_text())
    assert content["schema_version"] == 2
    assert {"source", "url", "sha256", "bytes", "licence", "retrieved_at", "counts"} <= set(content)


@pytest.mark.real_photos
def test_the_real_photos(real_photos: Path, tmp_path: Path) -> None:
    manifest = fetch(real_photos, tmp_path / "photos", "reference")
    assert manifest.counts == {"train": {"cats": 750, "dogs": 750}, "test": {"cats": 250, "dogs": 250}}
    assert manifest.ignored == {"system file": 4}
    assert manifest.sha256 == hash_file(real_photos)
