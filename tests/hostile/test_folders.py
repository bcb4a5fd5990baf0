"""Folders and paths that are not as they should be: nothing is left out without a word, and nothing is waited for."""

import errno
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pawprint.archives.left_out import LeftOut
from pawprint.archives.packing import list_folder
from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.fetch.errors import UnreachableError
from pawprint.fetch.kaggle import find_credentials
from pawprint.photos.manifest import Manifest, load_manifest
from pawprint.photos.sources import check_source, fetch_photos

ROOT = Path(__file__).parents[2]
Tiny = Callable[..., Path]


def fetch(source: Path, folder: Path, keep_photos: str) -> Manifest:
    fetch_photos(str(source), folder, keep_photos=keep_photos, resolve_uri=Path)
    return load_manifest(folder)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take only names in UTF-8")
@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_names_that_are_not_utf8_are_left_out_and_written_down(
    keep_photos: str, tiny_photos: Tiny, tmp_path: Path
) -> None:
    folder = tiny_photos()
    Path(os.fsdecode(os.fsencode(folder) + b"/cats/caf\xe9.jpg")).write_bytes(b"x")
    manifest = fetch(folder, tmp_path / "photos", keep_photos)
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    (names,) = manifest.ignored_names.values()
    assert manifest.ignored == {"a name that is not UTF-8": 1}
    assert names[0].endswith(r"cats/caf\udce9.jpg")
    # A tar came from another machine, with that one's encoding, which all of its names together tell.
    with tarfile.open(tmp_path / "tiny.tar", "w") as archive:
        archive.add(folder, "photos")
    manifest = fetch(tmp_path / "tiny.tar", tmp_path / "of tar", keep_photos)
    assert manifest.counts == {"unassigned": {"cats": 7, "dogs": 6}}
    assert not manifest.ignored


def test_a_linked_folder_is_named_where_it_is_left_out(tiny_photos: Tiny, tmp_path: Path) -> None:
    """Many keep photos once, and lead to them from several datasets: a class must not be missing without a word."""
    folder = tiny_photos()
    (folder / "birds").symlink_to(tiny_photos(name="elsewhere") / "cats")
    (folder / "round").symlink_to(folder)
    manifest = fetch(folder, tmp_path / "photos", "copy")
    (names,) = manifest.ignored_names.values()
    assert sorted(names) == ["birds", "round"]
    linked = tmp_path / "linked"
    linked.mkdir()
    for label in ("cats", "dogs"):
        (linked / label).symlink_to(folder / label)
    with pytest.raises(UserError, match=r"no labelled photos \(2 × a linked folder .*: cats, dogs\)"):
        check_source(str(linked))


def test_a_folder_that_may_not_be_read_is_no_folder_without_photos(
    tiny_photos: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_photos()
    scan = os.scandir

    def refuse(path: Any) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "dogs":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root, as in containers, may read whatever chmod says
    with pytest.raises(UserError, match=r"dogs cannot be read \(Permission denied\)"):
        list_folder(folder)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_path_that_may_not_be_looked_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(UserError, match=rf"source '/secret/photos' cannot be read \({os.strerror(number)}\)"):
        check_source("/secret/photos")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("~nobody-of-that-name/photos", "a name that is nobody's here"),
        (f"/{'long' * 100}/photos", "too long for a path"),
        ("file://server/share/photos.zip", "expected file:///<path>"),
        ("file://", "expected file:///<path>"),
        ("s3://bucket", "names a bucket alone"),
        ("gs://bucket", "names a bucket alone"),
    ],
)
def test_what_can_be_no_place_is_said_in_a_line(source: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        check_source(source)
    if not source.startswith(("file", "s3", "gs")):  # what only is not there may be followed by another source
        with pytest.raises(UnreachableError):
            check_source(source)
        check_source(f"{source},synthetic")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    """`-P source=<(curl …)` is a pipe; in a process of its own, which can be ended if it hangs."""
    os.mkfifo(tmp_path / "photos.zip")
    code = (
        "import sys; from pawprint.photos.sources import check_source; from pawprint.base.errors import UserError\n"
        "for source in sys.argv[1:]:\n"
        "    try: check_source(source)\n"
        "    except UserError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "photos.zip"), "/dev/zero"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.count("is a pipe or a device; expected a folder, zip or tar") == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take only names in UTF-8")
def test_a_folder_of_nothing_but_such_names_is_refused_with_them(tmp_path: Path) -> None:
    (tmp_path / "pets" / "cats").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/pets/cats/\xff.jpg")).write_bytes(b"x")
    with pytest.raises(UserError, match=r"1 × a name that is not UTF-8: cats/\\udcff\.jpg"):
        fetch(tmp_path / "pets", tmp_path / "photos", "copy")


def test_homes_of_people_who_are_not_known_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", "~nosuchuser/cache")
    with pytest.raises(UserError, match="name another folder in PAWPRINT_CACHE"):
        cache_folder()
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", "~nosuchuser")
    monkeypatch.delenv("KAGGLE_KEY", raising=False)
    assert find_credentials() is None
    assert "asking Kaggle without" in caplog.text


def test_a_photo_that_goes_while_its_folder_is_measured(
    tiny_photos: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = partial(list_folder, tiny_photos())
    monkeypatch.setattr("pawprint.photos.artifact.list_folder", lambda _: (["cats/gone.jpg", *found()[0]], LeftOut()))
    assert fetch(tmp_path / "tiny-photos", tmp_path / "photos", "copy").counts == {"unassigned": {"cats": 6, "dogs": 6}}
