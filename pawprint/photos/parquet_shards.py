"""Read photos from Parquet files as Hugging Face's `datasets` writes them: a column of bytes and paths, and others."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import LARGEST_PHOTO, mebibytes
from pawprint.archives.suffixes import find_suffix
from pawprint.base.errors import UserError
from pawprint.labels.tabular.columnar import find_class_labels, is_cell, name_class
from pawprint.labels.tabular.limits import COLUMNS_KEPT
from pawprint.photos.shards import Sample

LARGEST_GROUP = 2**31
"""Bytes of one row group; its writer held as much in memory at once."""
BATCH = 32
"""Photos read at a time."""
PHOTO_COLUMNS = (
    "image",
    "img",
    "jpg",
    "jpeg",
    "png",
    "webp",
    "photo",
    "picture",
    "image_bytes",
    "bytes",
    "data",
    "content",
)


def read_parquet_photos(file: Path, shard: str, left_out: LeftOut) -> Iterator[Sample]:
    """Yield each photo of a Parquet file with the other columns of its row; numbered classes get their names.

    Args:
        file: The file.
        shard: The name of the file.
        left_out: Counts the rows without a photo.

    Raises:
        UserError: The file is damaged, has no column of photos, or row groups larger than the limit.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            yield from _read_rows(parquet, shard, left_out)
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise UserError(f"{shard} is no Parquet file that can be read ({error}); get it again") from error


def _read_rows(parquet: Any, shard: str, left_out: LeftOut) -> Iterator[Sample]:
    schema, metadata = parquet.schema_arrow, parquet.metadata
    photo = find_photo_column(schema)
    if photo is None:
        raise UserError(
            f"{shard} has no column of photos (its columns are {', '.join(schema.names[:20])}); expected `image` with "
            "the bytes of JPEG, PNG or the like"
        )
    largest = max((metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups)), default=0)
    if largest > LARGEST_GROUP:
        raise UserError(
            f"{shard} has groups of rows of {mebibytes(largest)}, at most {mebibytes(LARGEST_GROUP)} are read"
        )
    others = [name for name in schema.names if name != photo and is_cell(schema.field(name).type)][:COLUMNS_KEPT]
    classes = find_class_labels(schema.metadata)
    stem = PurePosixPath(shard).stem
    number = 0
    for batch in parquet.iter_batches(batch_size=BATCH, columns=[photo, *others]):
        for row in batch.to_pylist():
            name = f"{stem}-{number:06}"
            number += 1
            data, path = _photo_of(row[photo])
            suffix = find_suffix(data, path)
            if suffix is None or len(data) > LARGEST_PHOTO:
                left_out.add("a row without a photo" if not data else "a row whose photo is of no known kind", name)
                continue
            cells = {other: name_class(row[other], classes.get(other)) for other in others}
            yield Sample(name, suffix, data, {**cells, "path": path} if path else cells)


def find_photo_column(schema: Any) -> str | None:
    """Return the column that holds photos: a struct of bytes and path, or bytes under a usual name."""
    import pyarrow as pa

    structs = [
        field.name
        for field in schema
        if pa.types.is_struct(field.type)
        and (at := field.type.get_field_index("bytes")) >= 0
        and _is_bytes(field.type.field(at).type)
    ]
    plain = [field.name for field in schema if _is_bytes(field.type)]
    known = [name for name in PHOTO_COLUMNS if name in structs or name in plain]
    found = known or structs or (plain if len(plain) == 1 else [])
    return found[0] if found else None


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _photo_of(value: Any) -> tuple[bytes, str]:
    if isinstance(value, dict):
        data, path = value.get("bytes"), value.get("path")
        return data or b"", path if isinstance(path, str) else ""
    return value or b"", ""
