"""Archives that mean harm: refused, or their members left out, with the reason and the names, at a bounded cost."""

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import MAX_MEMBERS
from pawprint.archives.packing import pack_tar
from pawprint.archives.zips import UnreadableMemberError, list_zip, open_zip, read_member
from pawprint.base.errors import UserError
from pawprint.photos.artifact import write_artifact
from pawprint.photos.collection import load_photos
from pawprint.photos.manifest import load_manifest
from pawprint.photos.received import Received
from tests.hostile.bombs import BOMBS, deflate, end_record, local_header, write_zip, zip_entry
from tests.labels.labelling import label_members

ROOT = Path(__file__).parents[2]
GOOD = {f"{label}/{number}.jpg": f"{label}{number}".encode() for label in ("cats", "dogs") for number in range(3)}
# Of the processor. A bomb that goes off takes minutes; how quick a machine is must not decide (docs/promises.md has
# the figure of an idle one).
MOST_SECONDS, MOST_MEGABYTES = 60, 500

REFUSED = {
    "million-empty-members.zip": "1,000,000 members",
    "claimed-directory.zip": "cannot be read as a zip",
    "zeros.tar.gz": "more than 100 times its size",
    "zeros.tar.xz": "more than 100 times its size",
    "zeros.tar.bz2": "more than 100 times its size",
    "long-name.tar.gz": "no archive",
    "backwards.tar": "leads back",
    "headers.tar": "no archive",
    "million.tar.gz": "more than 250,000 members",
    "dictionary.tar.xz": "no archive",
}
LEFT_OUT = {
    "ratio.zip": "compressed more than 100 to 1",
    "lying-size.zip": "damaged in its archive",
    "lying-bzip2.zip": "compressed by another method than deflate",
    "lying-lzma.zip": "compressed by another method than deflate",
    "one-kernel.zip": "bytes shared with another member",
    "quoted-overlap.zip": "bytes shared with another member",
    "nested.zip": "archive within the archive",
    "sparse.tar": "a link or a device",
}


@pytest.mark.slow
def test_the_collection_of_bombs_is_harmless(tmp_path: Path) -> None:
    """All of them, one after the other in one process that is measured: refused, or left out by name."""
    assert set(BOMBS) == set(REFUSED) | set(LEFT_OUT)
    for name, build in BOMBS.items():
        build(tmp_path / name)
    command = [sys.executable, str(ROOT / "tests/hostile/swallow.py"), *(str(tmp_path / name) for name in BOMBS)]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    print(sum(one["seconds"] for one in told), "s", max(one["peak_mb"] for one in told), "MB")  # noqa: T201 - figures
    for one in told:
        assert one["readable"] == 0, one
        if one["file"] in REFUSED:
            assert REFUSED[one["file"]] in one["refused"], one
        else:
            assert all(LEFT_OUT[one["file"]] in reason for reason in one["left_out"]), one
            assert all(one["names"][reason] for reason in one["left_out"])
    assert sum(one["seconds"] for one in told) < MOST_SECONDS
    assert max(one["peak_mb"] for one in told) < MOST_MEGABYTES


@pytest.mark.slow
def test_as_many_members_as_are_taken_fit_into_the_memory(tmp_path: Path) -> None:
    names = [b"a-class-with-a-name/and-a-photo-with-a-name-%07d.jpg" % number for number in range(MAX_MEMBERS)]
    bodies = [local_header(name, compressed=0, size=0, crc=0, method=0) for name in names]
    offsets = range(0, len(bodies[0]) * MAX_MEMBERS, len(bodies[0]))
    entries = [
        zip_entry(name, offset=at, compressed=0, size=0, method=0) for name, at in zip(names, offsets, strict=True)
    ]
    write_zip(tmp_path / "many.zip", b"".join(bodies), entries)
    code = (
        "import sys; from pathlib import Path; from pawprint.archives.zips import list_zip\n"
        "from tests.memory import peak_megabytes\n"
        "print(len(list_zip(Path(sys.argv[1]))[0]), peak_megabytes())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "many.zip")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed, megabytes = done.stdout.split()
    assert int(listed) == MAX_MEMBERS
    assert float(megabytes) < MOST_MEGABYTES


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that zips good photos and, beside them, members by name or ZipInfo."""

    def make(*others: tuple[str | zipfile.ZipInfo, bytes], name: str = "photos.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, data in [*GOOD.items(), *others]:
                archive.writestr(member, data)
        return tmp_path / name

    return make


def zip_info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


OUT = "a path that leads out of the archive"


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("../cats/out.jpg", OUT),
        ("cats/../../out.jpg", OUT),
        ("/etc/cats/out.jpg", OUT),
        ("C:/cats/out.jpg", OUT),
        ("C:\\cats\\out.jpg", OUT),
        ("\\\\server\\share\\cats\\out.jpg", OUT),
        ("cats\\..\\..\\out.jpg", OUT),
        ("cats/new\nline.jpg", "a name with control characters"),
        ("cats/\x1b[2Jclear.jpg", "a name with control characters"),
        (zip_info("cats/link.jpg", 0o120777), "a link or a device"),
        (zip_info("cats/device.jpg", 0o020666), "a link or a device"),
        (f"cats/{'x' * 1016}.jpg", "a name of more than 1,024 characters"),
        (f"{'d/' * 65}1.jpg", "more than 64 folders deep"),
        ("cats/inner.zip", "archive within the archive"),
        ("cats/inner.tar.gz", "archive within the archive"),
    ],
)
def test_a_zips_members_that_mean_harm_are_left_out_by_name(
    make_zip: Callable[..., Path], member: str | zipfile.ZipInfo, reason: str
) -> None:
    name = member if isinstance(member, str) else member.filename
    names, left_out = list_zip(make_zip((member, b"x")))
    assert names == sorted(GOOD)
    assert left_out == {reason: 1}
    assert left_out.names == {reason: [name]}


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/out.jpg", "C:/out.jpg", "cats/../../out.jpg", "cats/\x07.jpg"])
def test_a_tars_names_are_judged_as_a_zips(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for member, data in [*GOOD.items(), (name, b"x")]:
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    left_out = pack_tar(tmp_path / "photos.tar", tmp_path / "packed.zip")
    assert list_zip(tmp_path / "packed.zip")[0] == sorted(GOOD)
    assert list(left_out.names.values()) == [[name]]


def test_a_tars_links_and_devices_are_left_out_by_name(tmp_path: Path) -> None:
    kinds = {
        "sym.jpg": tarfile.SYMTYPE,
        "hard.jpg": tarfile.LNKTYPE,
        "char.jpg": tarfile.CHRTYPE,
        "block.jpg": tarfile.BLKTYPE,
        "pipe.jpg": tarfile.FIFOTYPE,
    }
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    left_out = pack_tar(tmp_path / "photos.tar", tmp_path / "packed.zip")
    assert left_out.names == {"a link or a device": list(kinds)}


@pytest.mark.filterwarnings("ignore:Duplicate name")  # what is being tested
def test_of_a_name_given_twice_the_last_is_read(make_zip: Callable[..., Path]) -> None:
    path = make_zip(("cats/0.jpg", b"another"))
    names, left_out = list_zip(path)
    assert names == sorted(GOOD)
    assert left_out.names == {"a name given twice": ["cats/0.jpg"]}
    with open_zip(path) as archive:
        assert read_member(archive, "cats/0.jpg") == b"another"


def test_names_that_differ_by_case_or_form_are_two_photos_each_read_as_it_is(make_zip: Callable[..., Path]) -> None:
    """Nothing is unpacked, so none can take another's place: letters' photos stand in folders `A` and `a`."""
    twins = {"cats/A.jpg": b"1", "cats/a.jpg": b"2", "café/1.jpg": b"3", "cafe\u0301/1.jpg": b"4"}
    path = make_zip(*twins.items())
    names, left_out = list_zip(path)
    assert set(twins) <= set(names)
    assert not left_out
    with open_zip(path) as archive:
        assert {name: read_member(archive, name) for name in twins} == twins
    # One folder, however its accents are written, is one class.
    assert {one.label for one in label_members(names)[0]} == {"cats", "dogs", "café"}


def test_zip64_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name, data in GOOD.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    content = (tmp_path / "photos.zip").read_bytes()
    end = content.rindex(b"PK\x05\x06")
    start = content.index(b"PK\x01\x02")
    # The end of the directory by zip64 too, as of archives of more than 4 GB.
    zip64 = end_record(2**16, end - start, start).replace((2**16).to_bytes(8, "little"), (6).to_bytes(8, "little"))
    (tmp_path / "photos.zip").write_bytes(content[:end] + zip64)
    with open_zip(tmp_path / "photos.zip") as archive:
        assert {name: read_member(archive, name) for name in archive.namelist()} == GOOD
    assert list_zip(tmp_path / "photos.zip")[0] == sorted(GOOD)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.9, 0.99])
def test_a_zip_cut_short_is_refused(make_zip: Callable[..., Path], share: float) -> None:
    path = make_zip()
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match=r"cannot be read as a zip .*cut short or damaged"):
        list_zip(path)


def test_a_name_in_no_encoding_does_not_end_in_a_traceback(tmp_path: Path) -> None:
    entry = zip_entry(b"cats/\xff\xfe.jpg", offset=0, compressed=0, size=0, flags=0x800)
    write_zip(tmp_path / "photos.zip", local_header(b"x", compressed=0, size=0, crc=0), [entry])
    with pytest.raises(UserError, match="cannot be read as a zip"):
        list_zip(tmp_path / "photos.zip")


def test_a_member_without_a_name_is_no_photo(tmp_path: Path) -> None:
    entry = zip_entry(b"", offset=0, compressed=0, size=0)
    write_zip(tmp_path / "photos.zip", local_header(b"", compressed=0, size=0, crc=0), [entry])
    assert list_zip(tmp_path / "photos.zip") == ([], {"not a photo": 1})


@pytest.mark.parametrize(("offset", "compressed"), [(2**31, 10), (0, 2**31), (50, 2**20)])
def test_an_entry_that_points_outside_the_archive_is_left_out(tmp_path: Path, offset: int, compressed: int) -> None:
    body = local_header(b"cats/1.jpg", compressed=4, size=4, crc=0) + b"1234"
    entry = zip_entry(b"cats/1.jpg", offset=offset, compressed=compressed, size=4)
    write_zip(tmp_path / "photos.zip", body, [entry])
    assert list_zip(tmp_path / "photos.zip") == ([], {"an entry that points outside the archive": 1})


def test_what_unpacks_to_more_than_it_claims_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bytes that really come: a header's word is not what is gone by."""
    data = deflate(64)
    body = local_header(b"cats/1.jpg", compressed=len(data), size=1000, crc=0) + data
    write_zip(tmp_path / "photos.zip", body, [zip_entry(b"cats/1.jpg", offset=0, compressed=len(data), size=1000)])
    with open_zip(tmp_path / "photos.zip") as archive:
        with pytest.raises(UnreadableMemberError, match="damaged"):
            read_member(archive, "cats/1.jpg")
        archive.getinfo("cats/1.jpg").file_size = 2**30
        monkeypatch.setattr("pawprint.archives.zips.LARGEST_PHOTO", 2**21)
        with pytest.raises(UnreadableMemberError, match="larger than 2 MiB"):
            read_member(archive, "cats/1.jpg")


def test_the_manifest_names_what_was_left_out_and_the_rest_is_whole(
    make_zip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_zip(*((f"../out/{number}.jpg", b"x") for number in range(30)))
    received = Received(path, "zip", "photos.zip", str(path), "2026-01-01T00:00:00Z")
    write_artifact(
        [received], tmp_path / "photos", source=str(path), requested=str(path), keep_photos="copy", fallback=[]
    )
    manifest = load_manifest(tmp_path / "photos")
    assert manifest.ignored == {OUT: 30}
    assert manifest.ignored_names == {OUT: [f"../out/{number}.jpg" for number in range(20)]}
    photos = load_photos(tmp_path / "photos")
    assert {photo.member: photos.read(photo) for photo in photos.photos} == GOOD


def test_an_archive_of_nothing_but_harm_is_refused_with_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for number in range(9):
            archive.writestr(f"../cats/{number}.jpg", b"x")
    received = Received(tmp_path / "photos.zip", "zip", "photos.zip", "x", "2026-01-01T00:00:00Z")
    with pytest.raises(UserError, match=r"9 × a path that leads out of the archive: \.\./cats/0\.jpg, .*, …"):
        write_artifact([received], tmp_path / "photos", source="x", requested="x", keep_photos="copy", fallback=[])
    assert not (tmp_path / "photos").exists()


def test_names_are_merged_up_to_as_many_as_are_kept() -> None:
    first, second = LeftOut(), LeftOut()
    for number in range(15):
        first.add("encrypted", f"a{number}")
        second.add("encrypted", f"b{number}")
    first.merge(second)
    assert first == {"encrypted": 30}
    assert first.names["encrypted"] == [*(f"a{n}" for n in range(15)), *(f"b{n}" for n in range(5))]
