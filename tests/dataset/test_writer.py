import csv
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.dataset.decode import decode_photo
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos

TinyPhotos = Callable[..., Path]


def collect(source: Path, folder: Path) -> PhotoCollection:
    fetch_photos(str(source), folder, keep_photos="copy", resolve_uri=Path)
    return load_photos(folder)


def write(source: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    arguments = {
        "image_size": 16,
        "train_images": 0,
        "test_images": 0,
        "validation_fraction": 0.2,
        "seed": 0,
        **changes,
    }
    photos = collect(source, folder.with_name(folder.name + "-photos"))
    return write_dataset(photos, folder, **arguments)


def test_what_is_read_back_is_what_the_photos_show(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=10)
    description = write(folder, tmp_path / "dataset")
    dataset = load_dataset(tmp_path / "dataset")
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.digest == description["digest"]
    assert dataset.counts == description["counts"]
    assert sum(len(split) for split in dataset.splits.values()) == 20
    for split in dataset.splits.values():
        pixels = split.images[np.arange(len(split))]
        for image, label, member in zip(pixels, split.labels, split.members, strict=True):
            assert member.startswith(f"{dataset.class_names[label]}/")
            np.testing.assert_array_equal(image, decode_photo((folder / member).read_bytes(), 16))


def test_number_of_workers_changes_no_byte(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=30)
    write(folder, tmp_path / "one", workers=1)
    write(folder, tmp_path / "four", workers=4)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "four").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "four" / name).read_bytes(), name


def test_another_seed_gives_another_split(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=30)
    assert write(folder, tmp_path / "a")["digest"] != write(folder, tmp_path / "b", seed=1)["digest"]


def test_unreadable_photos_are_named_and_replaced(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=40)
    (folder / "cats" / "0007.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    description = write(folder, tmp_path / "dataset", train_images=60, test_images=18)
    with (tmp_path / "dataset" / "quarantine.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["member"] for row in rows] == ["cats/0007.jpg"]
    assert rows[0]["reason"].startswith("unreadable: ")
    assert sum(description["counts"]["train"].values()) + sum(description["counts"]["validation"].values()) == 60


def test_many_unreadable_photos_stop_the_run_with_their_number(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=40)
    for number, path in enumerate(sorted((folder / "cats").iterdir())[:8]):
        path.write_bytes(b"\xff\xd8\xff not a photo %d" % number)
    with pytest.raises(UserError, match="8 of 80 photos can't be read"):
        write(folder, tmp_path / "dataset")


def test_duplicates_are_reported_and_left_out(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=20)
    shutil.copy(folder / "cats" / "0001.jpg", folder / "cats" / "copy.jpg")
    shutil.copy(folder / "cats" / "0002.jpg", folder / "dogs" / "wrong.jpg")
    write(folder, tmp_path / "dataset")
    with (tmp_path / "dataset" / "quarantine.csv").open(newline="") as file:
        reasons = {row["member"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons == {
        "cats/copy.jpg": "duplicate of cats/0001.jpg",
        "cats/0002.jpg": "the same photo has the labels cats and dogs",
        "dogs/wrong.jpg": "the same photo has the labels cats and dogs",
    }


def test_a_class_without_enough_photos_is_named(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=20)
    for path in sorted((folder / "dogs").iterdir())[2:]:
        path.unlink()
    with pytest.raises(UserError, match=r"too few photos have 'dogs' \(2 photos\); a class needs 2 photos"):
        write(folder, tmp_path / "dataset")


def test_where_nothing_but_copies_is_left_the_message_says_so(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=5)
    for path in (folder / "dogs").iterdir():
        path.write_bytes((folder / "dogs" / "0001.jpg").read_bytes())
    with pytest.raises(UserError, match=r"'dogs' \(5 photos, 4 duplicates among them\)"):
        write(folder, tmp_path / "dataset")


def test_fewer_photos_than_asked_for_are_said(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    description = write(tiny_photos(photos=20), tmp_path / "dataset", train_images=1500, test_images=500)
    assert description["notes"] == [
        "train_images=1500 is more than the photos give: 30 are used",
        "test_images=500 is more than the photos give: 10 are used",
    ]


def test_photos_of_a_large_class_that_balance_leaves_unused_are_said(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    folder = tiny_photos(photos=40)
    for path in sorted((folder / "dogs").iterdir())[10:]:
        path.unlink()
    description = write(folder, tmp_path / "dataset", train_images=40, test_images=10)
    used = sum(sum(classes.values()) for classes in description["counts"].values())
    said = next(note for note in description["notes"] if "are not used" in note)
    assert said.startswith(f"{50 - used} photos are not used, {50 - used} of 'cats'")
    everything = write(folder, tmp_path / "all", train_images=0, test_images=0)
    assert sum(sum(classes.values()) for classes in everything["counts"].values()) == 50
    assert not [note for note in everything["notes"] if "are not used" in note]


def test_a_changed_byte_is_found(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    write(tiny_photos(photos=10), tmp_path / "dataset")
    shard = next((tmp_path / "dataset").glob("train-*.npy"))
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with pytest.raises(UserError, match="sha256 differs"):
        load_dataset(tmp_path / "dataset")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is no dataset"):
        load_dataset(tmp_path)


def test_another_schema_version_is_refused_by_name(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    write(tiny_photos(photos=10), tmp_path / "dataset")
    path = tmp_path / "dataset" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(UserError, match="schema version 99"):
        load_dataset(tmp_path / "dataset")


def test_three_classes_are_a_dataset_like_any_other(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    write(tiny_photos(classes=("ant", "bee", "cow"), photos=20), tmp_path / "dataset")
    assert load_dataset(tmp_path / "dataset").class_names == ("ant", "bee", "cow")


_MEASURE = """
import sys
from pathlib import Path
from pawprint.dataset.writer import write_dataset
from pawprint.photos.collection import load_photos
from tests.memory import peak_megabytes
photos = load_photos(Path(sys.argv[1]))
write_dataset(photos, Path(sys.argv[2]), image_size=96, train_images=0, test_images=0,
              validation_fraction=0.2, seed=0, workers=2)
print(round(1024 * peak_megabytes()))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pixels(tmp_path: Path) -> None:
    """Four times the photos, 40 MB more of pixels: a writer that held them would show it."""
    peaks = []
    for number in (500, 2000):
        source = tmp_path / f"{number}.zip"
        rng = np.random.default_rng(0)
        with zipfile.ZipFile(source, "w") as archive:
            for i in range(number):
                photo = Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
                path = tmp_path / "photo.png"
                photo.save(path)
                archive.write(path, f"{'ab'[i % 2]}/{i}.png")
        collect(source, tmp_path / f"photos-{number}")
        command = [
            sys.executable,
            "-c",
            _MEASURE,
            str(tmp_path / f"photos-{number}"),
            str(tmp_path / f"d{number}"),
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] < 1.25 * peaks[0]


def test_a_class_in_the_test_folder_only_is_left_out_and_one_that_it_lacks_is_filled(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    folder = tiny_photos(classes=("ants", "bees", "cows", "dogs"), photos=10, splits=("train", "test"))
    shutil.rmtree(folder / "train" / "cows")
    shutil.rmtree(folder / "test" / "dogs")
    description = write(folder, tmp_path / "dataset")
    assert description["class_names"] == ["ants", "bees", "dogs"]
    assert description["counts"]["test"] == {"ants": 10, "bees": 10, "dogs": 2}
    lost, filled = description["notes"]
    assert "left out (a class needs" in lost and "'cows' (10 photos, all in the test folder)" in lost
    assert filled == "the test folder lacks 1 class, and training photos are taken for it: 'dogs' (2 photos)"
    with (tmp_path / "dataset" / "quarantine.csv").open(newline="") as file:
        assert {row["member"].split("/")[1] for row in csv.DictReader(file)} == {"cows"}


def test_counts_that_leave_a_class_without_photos_are_refused_with_their_names(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    folder = tiny_photos(classes=("ant", "bee", "cow"), photos=10)
    with pytest.raises(UserError, match=r"train_images=30 and test_images=2, shared by 3 classes, .* 'cow' \(.* 0 for"):
        write(folder, tmp_path / "dataset", train_images=30, test_images=2)
