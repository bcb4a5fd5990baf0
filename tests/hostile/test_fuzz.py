"""No file, however broken, ends a reader otherwise than with an answer or an error of our own, and none hangs it.

Of what has digests both are tried: the files as they come, where the digests catch most, and files whose digests
were made to agree, as someone would who means harm.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pawprint.archives.packing import pack_tar
from pawprint.archives.sniffing import archive_kind
from pawprint.archives.zips import UnreadableMemberError, list_zip, open_zip, read_member
from pawprint.base.errors import UserError
from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.reader import digest_content, load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.photos.artifact import write_artifact
from pawprint.photos.collection import load_photos
from pawprint.photos.grammar import Place
from pawprint.photos.places import receive_path
from pawprint.photos.received import Received
from pawprint.tracking.model_files import overall_digest, read_model_files
from pawprint.training.checkpoint_file import Checkpoint, DamagedCheckpointError, pack, unpack
from pawprint.training.checkpoints import Checkpoints
from tests.dataset.test_heif import PLAIN, TILED
from tests.hostile.fuzzing import fuzz
from tests.hostile.pictures import PICTURES


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.filterwarnings("ignore::Warning")  # Pillow warns of odd metadata; the steps keep quiet about it, too
def test_photos() -> None:
    def read(data: bytes) -> None:
        assert decode_photo(data, 16).shape == (16, 16, 3)

    fuzz(read, [*PICTURES.values(), PLAIN, TILED], errors=(UnreadablePhoto,))


def zip_bytes(*methods: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, method in enumerate(methods):
            archive.writestr(f"cats/{number}.jpg", b"cat" * 50, method)
        with archive.open("dogs/é.jpg", "w", force_zip64=True) as file:
            file.write(b"dog" * 50)
    return buffer.getvalue()


def tar_bytes(mode: str, form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name in ("cats/1.jpg", "dogs/" + "é" * 120 + ".jpg"):
            info = tarfile.TarInfo(name)
            info.size = 100
            if form == tarfile.PAX_FORMAT:
                info.pax_headers = {"comment": "x", "mtime": "1.5"}
            archive.addfile(info, io.BytesIO(b"p" * 100))
    return buffer.getvalue()


def test_archives_of_either_kind(tmp_path: Path) -> None:
    """Through everything that download and preprocess do with one, however it calls itself."""
    deflated, stored, bzip2, xz = zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA
    seeds = [zip_bytes(stored, deflated), zip_bytes(deflated, bzip2, xz)]
    modes, forms = ("w", "w:gz", "w:xz", "w:bz2"), (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
    seeds += [tar_bytes(mode, form) for mode in modes for form in forms]
    path = tmp_path / "photos"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        receive_path(Place("path", str(path)))
        zipped = path
        if archive_kind(path) == "tar":
            zipped = tmp_path / "packed.zip"
            pack_tar(path, zipped)
        names, _ = list_zip(zipped)
        with open_zip(zipped) as archive:
            for name in names:
                try:
                    read_member(archive, name)
                except UnreadableMemberError as error:
                    assert str(error)

    fuzz(read, seeds, errors=(UserError,))


@pytest.fixture
def photos(tiny_photos: Callable[..., Path], tmp_path: Path) -> Path:
    """A photos/ artifact whose archive lies in it."""
    folder = tiny_photos(photos=4)
    received = Received(folder, "folder", "photos.zip", str(folder), "2026-01-01T00:00:00Z")
    write_artifact([received], tmp_path / "photos", source="x", requested="x", keep_photos="copy", fallback=[])
    return tmp_path / "photos"


def test_manifests(photos: Path) -> None:
    original = (photos / "manifest.json").read_bytes()

    def read(data: bytes) -> None:
        (photos / "manifest.json").write_bytes(data)
        load_photos(photos)

    fuzz(read, [original], errors=(UserError,))


def test_lists_of_photos_kept_by_reference(tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    """With a manifest that agrees."""
    folder = tiny_photos(photos=2)
    received = Received(folder, "folder", "photos.zip", str(folder), "2026-01-01T00:00:00Z")
    write_artifact([received], tmp_path / "photos", source="x", requested="x", keep_photos="reference", fallback=[])
    manifest = (tmp_path / "photos/manifest.json").read_text()
    original = (tmp_path / "photos/members.csv").read_bytes()

    def read(data: bytes) -> None:
        (tmp_path / "photos/members.csv").write_bytes(data)
        (tmp_path / "photos/manifest.json").write_text(manifest.replace(sha256(original), sha256(data)))
        photos = load_photos(tmp_path / "photos")
        for photo in photos.photos:
            photos.read(photo)

    fuzz(read, [original], errors=(UserError,))


@pytest.fixture
def dataset(photos: Path, tmp_path: Path) -> Path:
    write_dataset(
        load_photos(photos),
        tmp_path / "dataset",
        image_size=16,
        train_images=6,
        test_images=2,
        validation_fraction=0.25,
        seed=0,
    )
    return tmp_path / "dataset"


def use_dataset(folder: Path) -> None:
    for split in load_dataset(folder).splits.values():
        assert split.images[:].shape[1:] == (16, 16, 3)
        assert len(split.images) == len(split.labels) == len(split.members)


@pytest.mark.parametrize("name", ["dataset.json", "index.csv", "train-00000-of-00001.npy"])
def test_datasets_as_they_come(dataset: Path, name: str) -> None:
    original = (dataset / name).read_bytes()

    def read(data: bytes) -> None:
        (dataset / name).write_bytes(data)
        use_dataset(dataset)

    fuzz(read, [original], errors=(UserError,))


@pytest.mark.parametrize("name", ["dataset.json", "index.csv", "train-00000-of-00001.npy"])
def test_datasets_whose_digests_agree(dataset: Path, name: str) -> None:
    original = (dataset / name).read_bytes()
    description = json.loads((dataset / "dataset.json").read_text())

    def read(data: bytes) -> None:
        (dataset / name).write_bytes(data)
        if name == "dataset.json":
            try:
                forged = json.loads(data)
                forged["digest"] = digest_content(forged)
            except (ValueError, TypeError, KeyError):
                return
        else:
            forged = description | {"files": description["files"] | {name: sha256(data)}}
            forged["digest"] = digest_content(forged)
        (dataset / "dataset.json").write_text(json.dumps(forged))
        use_dataset(dataset)

    fuzz(read, [original], errors=(UserError,))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's files; what the network is plays no part in these tests."""
    folder = tmp_path / "model"
    folder.mkdir()
    description = {
        "schema_version": 1,
        "class_names": ["cats", "dogs"],
        "probability_columns": ["probability_cats", "probability_dogs"],
        "image_size": 32,
        "architecture": "cnn",
        "dataset_digest": "0" * 64,
        "temperature": 1.25,
        "prediction_sets": {"photos": 40, "thresholds": {"90": 0.5, "95": 0.25, "99": None}},
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2))
    (folder / "network.keras").write_bytes(b"network")
    files = {name: sha256((folder / name).read_bytes()) for name in ("model.json", "network.keras")}
    digests = {"schema_version": 1, "files": files, "digest": overall_digest(files)}
    (folder / "digests.json").write_text(json.dumps(digests))
    return folder


@pytest.mark.parametrize("name", ["digests.json", "model.json"])
@pytest.mark.parametrize("agree", [False, True])
def test_models(model: Path, name: str, agree: bool) -> None:
    original = (model / name).read_bytes()
    digests = json.loads((model / "digests.json").read_text())

    def read(data: bytes) -> None:
        (model / name).write_bytes(data)
        if agree and name == "model.json":
            files = digests["files"] | {name: sha256(data)}
            (model / "digests.json").write_text(json.dumps(digests | {"files": files}))
        assert read_model_files(model, uri="models:/m-1")["image_size"]

    fuzz(read, [original], errors=(UserError,))


def checkpoint(epochs: int, side: int = 3) -> Checkpoint:
    """Where a training with weights of this side stood after so many epochs."""
    numbers = np.random.default_rng(epochs)
    weights = [numbers.normal(size=(side, side)).astype(np.float32), np.int64(epochs), np.zeros(0, np.float16)]
    history = [{"epoch": epoch, "train_loss": 1 / epoch} for epoch in range(1, epochs + 1)]
    return Checkpoint(history, [1000 * epoch for epoch in range(epochs)], 1, {"learner": weights, "best": weights[:1]})


def content_of(data: bytes) -> bytes:
    """What follows the line that names the format and the one with the sha256."""
    return data.split(b"\n", 2)[2]


@pytest.mark.parametrize("agree", [False, True])
@pytest.mark.filterwarnings("ignore::Warning")  # NumPy's, of an array's header that an older one may have written
def test_checkpoints(agree: bool) -> None:
    seeds = [pack(checkpoint(epochs, side)) for epochs, side in ((1, 3), (7, 3), (2, 8))]
    start = seeds[0].partition(b"\n")[0] + b"\n"

    def read(data: bytes) -> None:
        found = unpack(start + sha256(data).encode() + b"\n" + data if agree else data)
        assert 1 <= found.best_epoch <= len(found.history) == len(found.timestamps_ms)
        assert found.arrays["best"]
        assert all(isinstance(value, float | int) for entry in found.history for value in entry.values())

    fuzz(read, [content_of(data) for data in seeds] if agree else seeds, errors=(DamagedCheckpointError,))


def test_a_training_goes_on_from_a_checkpoint_that_was_written_or_from_none(tmp_path: Path) -> None:
    """The newest broken, the one before whole: never one that nobody wrote."""
    before, newest, other = (pack(checkpoint(*which)) for which in ((2,), (3,), (3, 8)))
    shapes = {"learner": [(3, 3), (), (0,)], "best": [(3, 3)]}
    key = "0" * 64
    (tmp_path / key).mkdir()
    (tmp_path / key / "000002.checkpoint").write_bytes(before)

    def read(data: bytes) -> None:
        (tmp_path / key / "000003.checkpoint").write_bytes(data)
        checkpoints = Checkpoints()
        checkpoints.open(tmp_path, key)
        found = checkpoints.load(shapes)
        assert found is not None
        assert pack(found) == (newest if data == newest else before)
        with pytest.raises(InterruptedError), checkpoints:
            raise InterruptedError  # so that they stay

    read(newest)
    read(other)
    fuzz(read, [newest, other], errors=())
