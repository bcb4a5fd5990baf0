import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.dataset.ahead import AHEAD, decode_ahead
from pawprint.dataset.decode import decode_photo
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos

SIDE, BATCH = 16, 4


@pytest.fixture
def collection(tiny_photos: Callable[..., Path], tmp_path: Path) -> PhotoCollection:
    folder = tiny_photos(photos=15)
    (folder / "cats" / "0002.jpg").write_bytes(b"junk")
    fetch_photos(str(folder), tmp_path / "photos", keep_photos="reference", resolve_uri=Path)
    return load_photos(tmp_path / "photos")


@pytest.mark.parametrize("workers", [1, 3])
def test_every_photo_comes_once_in_order_with_its_own_pixels_or_its_reason(
    collection: PhotoCollection, workers: int
) -> None:
    batches = list(decode_ahead(collection, collection.photos, SIDE, batch_size=BATCH, workers=workers))
    assert [len(batch.photos) for batch in batches] == [4] * 7 + [2]
    assert [photo for batch in batches for photo in batch.photos] == collection.photos
    errors = [error for batch in batches for error in batch.errors]
    assert [photo.member for photo, error in zip(collection.photos, errors, strict=True) if error] == ["cats/0002.jpg"]
    assert "not a photo" in errors[1]
    whole = [photo for photo, error in zip(collection.photos, errors, strict=True) if not error]
    pixels = np.concatenate([batch.pixels for batch in batches])
    for photo, square in zip(whole, pixels, strict=True):
        np.testing.assert_array_equal(square, decode_photo(collection.read(photo), SIDE))


def test_answers_go_to_the_photos_that_were_read(collection: PhotoCollection) -> None:
    first = next(decode_ahead(collection, collection.photos, SIDE, batch_size=BATCH))
    rows = first.spread(np.array([[1, 0], [2, 0], [3, 0]], np.float32))
    assert rows[:, 0].tolist()[::2] == [1, 2]
    assert np.isnan(rows[1]).all()
    assert rows[3, 0] == 3


def test_no_more_than_a_few_batches_are_ahead(collection: PhotoCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, read = threading.Lock(), []
    original = collection.read

    def count(photo):
        with lock:
            read.append(photo)
        return original(photo)

    monkeypatch.setattr(collection, "read", count)
    batches = decode_ahead(collection, collection.photos, SIDE, batch_size=BATCH, workers=2)
    for taken in range(1, 4):
        next(batches)
        time.sleep(0.05)
        assert len(read) <= (taken + AHEAD) * BATCH
    batches.close()
    assert len(read) < len(collection.photos)


def test_a_photo_that_changed_ends_it(collection: PhotoCollection) -> None:
    place = next(iter(collection.photos))
    folder = Path(str(collection.manifest.archives[0].location))
    (folder / place.member).write_bytes(b"another")
    with pytest.raises(UserError, match="has changed"):
        list(decode_ahead(collection, collection.photos, SIDE, batch_size=BATCH))
