from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.dataset.shards import PixelFile, ShardedImages, shard_sizes, write_shards


@given(rows=st.integers(0, 500), side=st.integers(1, 64), max_bytes=st.integers(1, 100_000))
def test_shards_hold_every_row_and_no_more_than_their_size(rows: int, side: int, max_bytes: int) -> None:
    sizes = shard_sizes(rows, side, max_bytes)
    assert sum(sizes) == rows
    assert all(size == 1 or size * side * side * 3 <= max_bytes for size in sizes)


def test_images_are_found_across_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 4, 4, 3), np.uint8)
    pixels = PixelFile(tmp_path / "pixels", 4)
    rows = [pixels.append(image) for image in images]
    monkeypatch.setattr("pawprint.dataset.shards.shard_sizes", lambda *_: [3, 3, 1])
    names = [name for name, _ in write_shards(tmp_path, "train", pixels, rows, 4)]
    pixels.close()
    assert names == [f"train-0000{i}-of-00003.npy" for i in range(3)]
    sharded = ShardedImages([tmp_path / name for name in names], 4)
    assert len(sharded) == 7
    order = rng.permutation(7)
    np.testing.assert_array_equal(sharded[order], images[order])
    np.testing.assert_array_equal(sharded[2:5], images[2:5])
    np.testing.assert_array_equal(np.load(tmp_path / names[0]), images[:3])  # plain numpy reads a shard
    with pytest.raises(IndexError):
        sharded[[7]]


def test_a_shard_that_begins_as_a_zip_is_refused_as_any_other_is(tmp_path: Path) -> None:
    path = tmp_path / "train-00000-of-00001.npy"
    path.write_bytes(b"PK\x05\x06" + bytes(60))
    with pytest.raises(ValueError, match="magic string"):
        ShardedImages([path], 16)


def test_a_shard_of_a_negative_number_of_bytes_is_refused(tmp_path: Path) -> None:
    """Fuzzing found what NumPy says of such a header: OverflowError, from the memory map."""
    with (tmp_path / "forged.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (4, -16, 16, 3)})
        file.write(bytes(4 * 16 * 16 * 3))
    with pytest.raises(ValueError, match=r"forged\.npy is no array"):
        ShardedImages([tmp_path / "forged.npy"], 16)
