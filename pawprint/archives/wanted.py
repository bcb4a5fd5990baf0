"""Choose the files to fetch from a bucket or the Hub: photos, their companions, and shards that contain photos."""

from collections.abc import Mapping

from pawprint.archives.companions import is_companion, largest_companion
from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import LARGEST_PHOTO, mebibytes
from pawprint.archives.members import PHOTO_SUFFIXES, may_be_photo, reason_to_ignore, reason_unsafe, suffix_of
from pawprint.archives.shard_names import find_shards, is_shard_file


def sort_files(sizes: Mapping[str, int]) -> tuple[list[str], LeftOut]:
    """Return the files to fetch, sorted by name, and what is left out.

    Files without a suffix, or with more characters after a photo's suffix, are fetched too: only their content shows
    whether they are photos.

    Args:
        sizes: The bytes of every file, by name.

    >>> sort_files({"cats/1.jpg": 9, "cats/2": 9, "labels.csv": 9, "more.zip": 9, "model.bin": 9})
    (['cats/1.jpg', 'cats/2', 'labels.csv'], LeftOut({'not a photo': 1, 'archive within the archive': 1}))
    >>> sort_files({"data/train-00000-of-00001.parquet": 9, "README.md": 9})[0]
    ['README.md', 'data/train-00000-of-00001.parquet']
    """
    sharded = find_shards(sizes) is not None
    wanted, left_out = [], LeftOut()
    for name, size in sorted(sizes.items()):
        reason = reason_unsafe(name) or _reason_to_leave(name, size, sharded=sharded)
        if reason is None:
            wanted.append(name)
        else:
            left_out.add(reason, name)
    return wanted, left_out


def _reason_to_leave(name: str, size: int, *, sharded: bool) -> str | None:
    if sharded and is_shard_file(name, size):
        return None
    companion = is_companion(name)
    reason = None if companion or _may_be_photo(name) else reason_to_ignore(name)
    largest = largest_companion(name) if companion else LARGEST_PHOTO
    return reason or (f"larger than {mebibytes(largest)}" if size > largest else None)


def _may_be_photo(name: str) -> bool:
    """Return whether a file is fetched for a look at its content: `cats/1`, `cats/1.jpg_large`, but not `model.bin`."""
    suffix = suffix_of(name)
    return may_be_photo(name) and (not suffix or suffix.startswith(PHOTO_SUFFIXES))
