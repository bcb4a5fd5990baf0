"""Names in zips and tars that do not say their encoding."""

import io
import logging
import random
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from pawprint.archives.name_encodings import PAGES, decode_names
from pawprint.archives.packing import pack_tar
from pawprint.archives.zips import list_zip, open_zip, read_member
from tests.labels.labelling import label_members

CLASSES = {
    "utf-8": ["Bären", "猫", "кошка"],
    "cp437": ["Bären", "Löwen", "Vögel"],
    "cp850": ["Bären", "Löwen", "Vögel"],
    "cp1252": ["Bären", "Löwen", "Vögel"],
    "gbk": ["老虎", "狮子", "玫瑰"],
    "cp932": ["うさぎ", "ひまわり", "正常"],
    "big5": ["老虎", "獅子", "向日葵"],
    "cp949": ["고양이", "강아지", "호랑이"],
    "cp866": ["кошка", "собака", "Медведь"],
    "cp1251": ["кошка", "собака", "Медведь"],
    "cp737": ["γάτα", "σκύλος", "Αρκούδα"],
    "cp1255": ["חתול", "תרנגול", "שמש אדומה"],
    "cp852": ["żółw", "wąż", "źrebię"],
}


class Unsaid(zipfile.ZipInfo):
    """A member whose name is written as it is given, without the flag that says its encoding."""

    raw: bytes

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's
        return self.raw, self.flag_bits & ~0x800


def write_zip(path: Path, names: list[bytes], extra: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            member = Unsaid(f"{number}.jpg")
            member.raw, member.extra = name, extra
            archive.writestr(member, name)
    return path


def write_tar(path: Path, names: list[bytes], form: int) -> Path:
    with tarfile.open(path, "w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        for name in names:
            member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name))
    return path


def unicode_path(name: str, raw: bytes, version: int = 1) -> bytes:
    field = struct.pack("<BL", version, zlib.crc32(raw)) + name.encode()
    return struct.pack("<HH", 0x7075, len(field)) + field


@pytest.mark.parametrize("encoding", CLASSES)
def test_classes_are_named_as_their_makers_system_named_them(tmp_path: Path, encoding: str) -> None:
    names = [f"{label}/{number}.jpg" for label in [*CLASSES[encoding], "dogs"] for number in range(3)]
    path = write_zip(tmp_path / "pets.zip", [name.encode(encoding) for name in names])
    assert list_zip(path)[0] == sorted(names)
    with open_zip(path) as archive:
        assert {name: read_member(archive, name) for name in names} == {name: name.encode(encoding) for name in names}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp1251"])
def test_a_tars_names_are_decoded_too(tmp_path: Path, encoding: str, form: int) -> None:
    names = [f"{label}/1.jpg" for label in [*CLASSES[encoding], "dogs"]]
    path = write_tar(tmp_path / "pets.tar", [name.encode(encoding) for name in names], form)
    assert not pack_tar(path, tmp_path / "packed.zip")
    with open_zip(tmp_path / "packed.zip") as archive:
        assert {name: read_member(archive, name) for name in names} == {name: name.encode(encoding) for name in names}


def test_a_name_that_stands_in_utf8_beside_is_taken(tmp_path: Path) -> None:
    raw = b"B\x84ren/1.jpg"
    path = write_zip(tmp_path / "pets.zip", [raw], unicode_path("Bären/1.jpg", raw))
    assert list_zip(path)[0] == ["Bären/1.jpg"]


@pytest.mark.parametrize("field", [unicode_path("cats/1.jpg", b"another"), unicode_path("cats/1.jpg", b"", 2), b"\0"])
def test_a_name_beside_that_belongs_to_another_is_not_taken(tmp_path: Path, field: bytes) -> None:
    assert list_zip(write_zip(tmp_path / "pets.zip", [b"B\x84ren/1.jpg"], field))[0] == ["Bären/1.jpg"]


def test_a_name_beside_is_judged_as_any_other(tmp_path: Path) -> None:
    raw = b"B\x84ren/1.jpg"
    path = write_zip(tmp_path / "pets.zip", [raw], unicode_path("../../1.jpg", raw))
    assert list_zip(path) == ([], {"a path that leads out of the archive": 1})


def test_names_that_become_paths_out_of_the_archive_are_left_out(tmp_path: Path) -> None:
    # By its bytes the first has a folder `..` behind a backslash, the second has none before it is decoded.
    names = [b"\x95\\..\\1.jpg", "..\\表/1.jpg".encode("cp932"), "うさぎ/1.jpg".encode("cp932")]
    listed, left_out = list_zip(write_zip(tmp_path / "pets.zip", names))
    assert listed == ["うさぎ/1.jpg", "表..\\1.jpg"]
    assert left_out == {"a path that leads out of the archive": 1}


def test_of_two_names_that_become_equal_the_last_counts(tmp_path: Path) -> None:
    raw = [b"B\x84ren/1.jpg", b"B\xc3\xa4ren/1.jpg"]
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("Bären/1.jpg", b"said")
        member = Unsaid("x")
        member.raw = raw[0]
        archive.writestr(member, b"unsaid")
    names, left_out = list_zip(tmp_path / "pets.zip")
    assert (names, left_out) == (["Bären/1.jpg"], {"a name given twice": 1})
    with open_zip(tmp_path / "pets.zip") as archive:
        assert read_member(archive, "Bären/1.jpg") == b"unsaid"


def test_one_damaged_name_leaves_the_others_readable(tmp_path: Path) -> None:
    names = [f"{label}/{number}.jpg".encode("cp932") for label in CLASSES["cp932"] for number in range(2)]
    listed, _ = list_zip(write_zip(tmp_path / "pets.zip", [*names, b"\x82/1.jpg"]))
    assert {one.label for one in label_members(listed)[0]} == {*CLASSES["cp932"], "é"}


def test_finders_decomposed_accents_are_one_class_with_others(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "pets.zip", ["Ba\u0308ren/1.jpg".encode(), "Bären/2.jpg".encode()])
    assert {one.label for one in label_members([*list_zip(path)[0], "dogs/1.jpg"])[0]} == {"Bären", "dogs"}


def test_a_guess_is_said_once_and_a_sure_reading_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    sure = write_zip(tmp_path / "sure.zip", [f"{label}/1.jpg".encode("cp866") for label in CLASSES["cp866"]])
    list_zip(sure)
    assert not caplog.messages
    unsure = write_zip(tmp_path / "unsure.zip", ["ål/1.jpg".encode("cp1252")])
    for _ in range(2):
        list_zip(unsure)
    (message,) = caplog.messages
    assert "names in unsure.zip do not say their encoding and are read as" in message
    assert "give the folder itself, or pack it again with names in UTF-8" in message


def test_names_in_no_known_encoding_are_readable_in_some_way_and_said() -> None:
    noise = [random.Random(seed).randbytes(9) + b"\xff/1.jpg" for seed in range(20)]
    decoded = decode_names(noise)
    assert decoded.texts.keys() == set(noise)
    assert decoded.doubt


def test_every_code_page_is_one_of_pythons_and_counts_may_be_large() -> None:
    assert all(len("".encode(page)) == 0 for page in PAGES)
    many = [f"кошка {number}/{number}.jpg".encode("cp866") for number in range(20_000)]
    assert decode_names(many).texts[many[7]] == "кошка 7/7.jpg"
