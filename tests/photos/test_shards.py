"""Photos in Parquet files and in WebDataset's tars, as sources."""

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.labels.tables import read_tables
from pawprint.photos.collection import load_photos
from pawprint.photos.grammar import Place
from pawprint.photos.places import receive_path
from pawprint.photos.recall import recall_archive
from pawprint.photos.shards import pack_shards, source_kind
from pawprint.photos.sources import fetch_photos
from tests.labels.listings import labels_of, make_listing, splits_of

FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}


def photo(number: int, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (4, 4), (number, 0, 0)).save(data, kind)
    return data.getvalue()


def write_parquet(path: Path, size: int, *, start: int = 0, names: bool = True, unlabelled: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": photo(start + n), "path": f"IMG_{start + n}.png"} for n in range(size)]
    labels = [-1 if unlabelled else n % 2 for n in range(size)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, kind), "label": pa.array(labels, pa.int64())})
    if names:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})
    pq.write_table(table, path, row_group_size=3)


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def reading_of(path: Path) -> tuple[dict[str, str], dict[str, str | None]]:
    members = read_zip(path)
    files = {name: data for name, data in members.items() if not name.endswith((".png", ".jpg"))}
    (reading,) = read_tables(make_listing([name for name in members if name not in files], files))
    return labels_of(reading), splits_of(reading)


@pytest.fixture
def parquet_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    write_parquet(folder / "data/train-00000-of-00002.parquet", 7)
    write_parquet(folder / "data/train-00001-of-00002.parquet", 3, start=20)
    write_parquet(folder / "data/test-00000-of-00001.parquet", 4, start=40)
    (folder / "README.md").write_text("# Pets\n", "utf-8")
    return folder


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_parquet_as_hugging_face_writes_it(tmp_path: Path, parquet_folder: Path, form: str) -> None:
    source = parquet_folder
    if form == "zip":
        source = tmp_path / "pets.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in parquet_folder.rglob("*.*"):
                archive.write(path, path.relative_to(parquet_folder))
    elif form == "tar":
        source = tmp_path / "pets.tar"
        with tarfile.open(source, "w") as tar:
            tar.add(parquet_folder, "pets")
    assert source_kind(source) == "shards"
    made = tmp_path / "made.zip"
    pack_shards(source, made)
    labels, splits = reading_of(made)
    assert len(labels) == 14
    assert sorted(labels.values()) == ["cat"] * 8 + ["dog"] * 6
    assert [*splits.values()].count("test") == 4
    first = next(name for name in labels if "train-00000" in name)
    assert read_zip(made)[first] == photo(0)
    again = tmp_path / "again.zip"
    pack_shards(source, again)
    assert made.read_bytes() == again.read_bytes()


def test_what_was_written_beside_the_photo_is_kept(tmp_path: Path, parquet_folder: Path) -> None:
    made = tmp_path / "made.zip"
    pack_shards(parquet_folder, made)
    rows = list(csv.DictReader(io.StringIO(read_zip(made)["metadata.csv"].decode())))
    assert rows[-1] == {"file_name": "train/train-00001-of-00002-000002.png", "label": "cat", "path": "IMG_22.png"}


def test_rows_without_a_label_or_a_photo(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x/train.parquet", 6)
    write_parquet(tmp_path / "x/test.parquet", 6, unlabelled=True, start=30)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([None, {"bytes": b"text", "path": None}], kind)
    table = pa.table({"image": images, "label": pa.array([0, 1])})
    pq.write_table(table, tmp_path / "x/broken.parquet")
    made = tmp_path / "made.zip"
    left_out = pack_shards(tmp_path / "x", made)
    assert left_out == {"a row without a photo": 1, "a row whose photo is of no known kind": 1}
    labels, splits = reading_of(made)
    assert len(labels) == 6
    assert set(splits.values()) == {None}


@pytest.mark.parametrize("sidecar", ["cls", "json"])
@pytest.mark.parametrize("form", ["folder", "one"])
def test_webdataset(tmp_path: Path, sidecar: str, form: str) -> None:
    (tmp_path / "sets").mkdir()
    for part in range(1 if form == "one" else 2):
        members: dict[str, bytes] = {}
        for number in range(6):
            key = f"{part}{number:05}"
            members[f"{key}.jpg"] = photo(10 * part + number, "JPEG")
            says = (
                str(number % 2)
                if sidecar == "cls"
                else json.dumps({"label": number % 2, "camera": "c1", "box": [1, 2]})
            )
            members[f"{key}.{sidecar}"] = says.encode()
        write_tar(tmp_path / f"sets/pets-train-00000{part}.tar", members)
    if form == "folder":
        (tmp_path / "sets/classnames.txt").write_text("cat\ndog\n", "utf-8")
    source = tmp_path / "sets" if form == "folder" else tmp_path / "sets/pets-train-000000.tar"
    assert source_kind(source) == "shards"
    made = tmp_path / "made.zip"
    assert not pack_shards(source, made)
    labels, _ = reading_of(made)
    assert labels["train/000003.jpg"] == ("dog" if form == "folder" else "1")
    assert len(labels) == (12 if form == "folder" else 6)


def test_a_tar_of_class_folders_is_no_shard(tmp_path: Path) -> None:
    write_tar(tmp_path / "pets.tar", {f"{kind}/{n}.png": photo(n) for kind in ("cats", "dogs") for n in range(3)})
    assert source_kind(tmp_path / "pets.tar") == "tar"


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_shards_are_a_source(
    tmp_path: Path, parquet_folder: Path, keep_photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    assert receive_path(Place("path", str(parquet_folder))).kind == "shards"
    manifest = fetch_photos(str(parquet_folder), tmp_path / "photos", keep_photos=keep_photos, resolve_uri=Path)
    assert manifest.counts == {"test": {"cat": 2, "dog": 2}, "train": {"cat": 6, "dog": 4}}
    photos = load_photos(tmp_path / "photos")
    assert photos.read(photos.photos[-1]) == photo(22)
    (archive,) = manifest.archives
    if keep_photos == "reference":
        for made in (tmp_path / "cache/made").iterdir():
            made.unlink()
        assert recall_archive(str(archive.location), sha256=archive.sha256).is_file()


def test_damaged_shards_are_refused(tmp_path: Path, parquet_folder: Path) -> None:
    whole = (parquet_folder / "data/test-00000-of-00001.parquet").read_bytes()
    broken = tmp_path / "broken.parquet"
    for cut in range(4, len(whole), 97):
        broken.write_bytes(whole[:cut])
        with pytest.raises(UserError, match=r"broken\.parquet"):
            pack_shards(broken, tmp_path / "made.zip")
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), broken)
    with pytest.raises(UserError, match="no column of photos"):
        pack_shards(broken, tmp_path / "made.zip")
