"""Read photos from WebDataset tars: `000123.jpg` and `000123.cls` or `000123.json` after it make one sample.

As in https://github.com/webdataset/webdataset, the key is the path up to the first dot of the file name.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pawprint.archives.left_out import LeftOut
from pawprint.archives.members import PHOTO_SUFFIXES, suffix_of
from pawprint.archives.suffixes import find_suffix
from pawprint.archives.tars import TAR_ERRORS, TarPhotos, member_name, open_tar, reason_unpackable
from pawprint.base.errors import UserError
from pawprint.labels.tabular.limits import LARGEST_TABLE, LONGEST_CELL, TableError
from pawprint.labels.tabular.records import as_text, load_json
from pawprint.labels.tabular.text import decode_text
from pawprint.photos.shards import Sample

LARGEST_SIDECAR = 2**20  # bytes of a file beside a photo that are read
TEXTS = {
    "cls": "label",
    "class": "label",
    "label": "label",
    "txt": "text",
    "text": "text",
    "index": "index",
    "id": "id",
}
"""Suffixes of sidecar files with a single value, and the column each goes into."""


def read_samples(file: Path, shard: str, left_out: LeftOut) -> Iterator[Sample]:
    """Yield each photo of a tar with the values in the other files of its key.

    Args:
        file: The tar.
        shard: The name of the tar.
        left_out: Counts the other members.

    Raises:
        UserError: The tar is damaged or incomplete.
    """
    try:
        # Two passes: if another tool packed the tar, the files of a key may not be next to each other.
        with open_tar(file) as archive:
            sidecars = _read_sidecars(archive, shard)
        with open_tar(file) as archive:
            yield from _read_photos(archive, sidecars, left_out)
    except TAR_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the disk, not of a decompressor
            raise
        raise UserError(f"{shard} is damaged or cut short ({error}); get it again") from error


def split_key(name: str) -> tuple[str, str]:
    """Return the key of a member, and everything after the dot.

    >>> split_key("train/000123.seg.png")
    ('train/000123', 'seg.png')
    """
    path = PurePosixPath(name)
    stem, _, kind = path.name.partition(".")
    return str(path.parent / stem), kind.lower()


def _read_sidecars(archive: TarPhotos, shard: str) -> dict[str, dict[str, str]]:
    sidecars: dict[str, dict[str, str]] = {}
    size = 0
    for member in archive:
        key, kind = split_key(member_name(member))
        if kind not in {"json", *TEXTS} or member.size > LARGEST_SIDECAR or reason_unpackable(member):
            continue
        data = archive.read(member)
        cells = _read_json(data) if kind == "json" else {TEXTS[kind]: _read_text(data)}
        size += sum(len(name) + len(cell) for name, cell in cells.items())
        if size > LARGEST_TABLE:
            raise UserError(f"{shard} has more text about its photos than the limit of {LARGEST_TABLE:,} characters")
        sidecars.setdefault(key, {}).update(cells)
    return sidecars


def _read_photos(archive: TarPhotos, sidecars: dict[str, dict[str, str]], left_out: LeftOut) -> Iterator[Sample]:
    seen: set[str] = set()
    for member in archive:
        name = member_name(member)
        key, kind = split_key(name)
        if kind in {"json", *TEXTS}:
            continue
        # Without sidecars, dots are part of the name: cat.1.jpg and cat.2.jpg are two photos.
        key = key if key in sidecars else str(PurePosixPath(name).with_suffix(""))
        reason = reason_unpackable(member)
        if reason is None and suffix_of(name) not in PHOTO_SUFFIXES:
            reason = "not a photo"
        elif reason is None and key in seen:
            reason = "another picture of the same sample"
        data = b"" if reason else archive.read(member)
        suffix = find_suffix(data, name)
        if reason or suffix is None:
            left_out.add(reason or "not a photo", name)
            continue
        seen.add(key)
        yield Sample(key, suffix, data, sidecars.get(key, {}))


def _read_json(data: bytes) -> dict[str, str]:
    try:
        content = load_json(decode_text(data))
        if not isinstance(content, dict):
            return {"json": as_text(content)[:LONGEST_CELL]}
        return {
            str(name): as_text(value)[:LONGEST_CELL]
            for name, value in content.items()
            if not isinstance(value, dict | list) or (isinstance(value, list) and len(value) == 1)
        }
    except (TableError, RecursionError):
        return {}


def _read_text(data: bytes) -> str:
    try:
        return " ".join(decode_text(data).split())[:LONGEST_CELL]
    except TableError:
        return ""
