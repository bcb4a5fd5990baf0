import io
import os
import random
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawprint.archives.packing import list_folder, list_zip, pack_folder, pack_tar
from pawprint.archives.sniffing import archive_kind
from pawprint.base.errors import UserError
from tests.labels.labelling import label_members

Members = dict[str, bytes]


def write_tar(path: Path, members: Members, mode: str = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = int(time.time())
            archive.addfile(info, io.BytesIO(data))


names = st.from_regex(r"[a-z]{1,5}/[a-zé]{1,5}/[a-z0-9]{1,8}\.jpg", fullmatch=True)


@settings(max_examples=30)
@given(st.dictionaries(names, st.binary(max_size=200), min_size=1, max_size=12), st.randoms())
def test_packing_is_a_function_of_names_and_contents_alone(members: Members, random_order: random.Random) -> None:
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        shuffled = list(members.items())
        random_order.shuffle(shuffled)
        for turn, items in enumerate((list(members.items()), shuffled)):
            for name, data in items:
                path = root / f"folder-{turn}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                os.utime(path, (10**9 + turn * 10**6,) * 2)
            (root / f"folder-{turn}" / "notes.txt").write_text(f"not a photo {turn}")
            pack_folder(root / f"folder-{turn}", root / f"folder-{turn}.zip")
            write_tar(root / f"{turn}.tar", dict(items), "w:gz" if turn else "w")
            pack_tar(root / f"{turn}.tar", root / f"tar-{turn}.zip")
        packed = {path.read_bytes() for path in root.glob("*.zip")}
        assert len(packed) == 1
        with zipfile.ZipFile(io.BytesIO(packed.pop())) as archive:
            assert archive.namelist() == sorted(members)
            assert {name: archive.read(name) for name in archive.namelist()} == members
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_a_tar_of_any_compression(tmp_path: Path, mode: str) -> None:
    write_tar(tmp_path / "pets", {"./dogs/1.jpg": b"dog", "./cats/1.jpg": b"cat", "cats/_DS_Store": b""}, mode)
    assert archive_kind(tmp_path / "pets") == "tar"
    ignored = pack_tar(tmp_path / "pets", tmp_path / "pets.zip")
    assert list_zip(tmp_path / "pets.zip")[0] == ["cats/1.jpg", "dogs/1.jpg"]
    assert ignored == {"system file": 1}


def test_a_tar_keeps_nothing_that_leads_out_of_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        for name, kind in (
            ("cats/link.jpg", tarfile.SYMTYPE),
            ("cats/hard.jpg", tarfile.LNKTYPE),
            ("cats/device.jpg", tarfile.CHRTYPE),
            ("cats/pipe.jpg", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("../out.jpg", "/etc/absolute.jpg", "cats/../../up.jpg", "cats/good.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"cat"))
    ignored = pack_tar(tmp_path / "bad.tar", tmp_path / "packed.zip")
    assert list_zip(tmp_path / "packed.zip")[0] == ["cats/good.jpg"]
    assert ignored == {"a link or a device": 4, "a path that leads out of the archive": 3}


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_a_tar_cut_short_is_said_to_be(tmp_path: Path, mode: str) -> None:
    rng = random.Random(0)
    write_tar(tmp_path / "pets.tar", {f"cats/{n}.jpg": rng.randbytes(5000) for n in range(5)}, mode)
    data = (tmp_path / "pets.tar").read_bytes()
    (tmp_path / "pets.tar").write_bytes(data[: len(data) // 2 + 777])
    with pytest.raises(UserError, match="damaged or cut short"):
        pack_tar(tmp_path / "pets.tar", tmp_path / "pets.zip")


def test_members_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cats/1.jpg", "cats/2.jpg", "cats/3.jpg"):
            archive.writestr(name, b"cat")
    data = bytearray(path.read_bytes())
    directory = [start for start in range(len(data)) if data[start : start + 4] == b"PK\x01\x02"]
    data[directory[0] + 8] |= 1  # the flag of an encrypted member
    data[directory[1] + 10] = 9  # deflate64, which Python does not know
    path.write_bytes(data)
    assert list_zip(path) == (
        ["cats/3.jpg"],
        {"encrypted": 1, "compressed by another method than deflate": 1},
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")  # what is being tested
def test_a_name_given_twice_counts_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("cats/1.jpg", b"old")
        archive.writestr("cats/1.jpg", b"new")
    assert list_zip(tmp_path / "pets.zip") == (["cats/1.jpg"], {"a name given twice": 1})


def test_a_folder_with_links_and_strays(tiny_photos: Callable[..., Path]) -> None:
    folder = tiny_photos(photos=2)
    (folder / "cats" / "broken.jpg").symlink_to("nowhere.jpg")
    (folder / "cats" / "linked.jpg").symlink_to(folder / "cats" / "0001.jpg")
    (folder / "round").symlink_to(folder)
    (folder / "notes.txt").write_text("hello")
    names, ignored = list_folder(folder)
    assert set(names) == {f"{label}/{photo}.jpg" for label in ("cats", "dogs") for photo in ("0001", "0002")} | {
        "cats/linked.jpg"
    }
    linked = "a linked folder (copy it, or name it as the source)"
    assert ignored == {"a broken link": 1, "not a photo": 1, linked: 1}


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("cats/1.jpg", b"cat")
    write_tar(tmp_path / "outer.tar", {"inner.zip": (tmp_path / "inner.zip").read_bytes()})
    assert archive_kind(tmp_path / "outer.tar") == "tar"


@pytest.mark.real_photos
def test_the_real_zip(real_photos: Path) -> None:
    names, ignored = list_zip(real_photos)
    labelled, unlabelled = label_members(names)
    counts = {(one.split, one.label): 0 for one in labelled}
    for one in labelled:
        counts[one.split, one.label] += 1
    assert counts == {
        ("train", "cats"): 750,
        ("train", "dogs"): 750,
        ("test", "cats"): 250,
        ("test", "dogs"): 250,
    }
    assert ignored == {"system file": 4}
    assert not unlabelled
