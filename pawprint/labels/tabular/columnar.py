"""Read tables from Parquet files that contain no photos."""

import io
import json
from typing import Any

from pawprint.labels.tabular.limits import LARGEST_TABLE, MAX_CELLS, MAX_COLUMNS, MAX_ROWS, TableError
from pawprint.labels.tabular.records import as_text
from pawprint.labels.tabular.sheet import Sheet, make_sheet


def read_parquet(member: str, data: bytes) -> Sheet:
    """Return the table in a Parquet file; numbered classes get their names if its schema has them.

    Raises:
        TableError: The file is broken, or exceeds the limits.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        metadata, schema = file.metadata, file.schema_arrow
        size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        rows, columns = metadata.num_rows, len(schema.names)
        if rows > MAX_ROWS or columns > MAX_COLUMNS or rows * columns > MAX_CELLS or size > LARGEST_TABLE:
            raise TableError(f"it has {rows:,} rows of {columns:,} columns, {size:,} bytes")
        kept = [name for name in schema.names if is_cell(schema.field(name).type)]
        classes = find_class_labels(schema.metadata)
        table = file.read(columns=kept)
        cells = [
            [name_class(value, classes.get(name)) for value in column.to_pylist()]
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise TableError(f"it is no Parquet file that can be read ({error})") from error
    return make_sheet(member, kept, zip(*cells, strict=True))


def is_cell(kind: Any) -> bool:
    """Return whether a column's values fit into a table's cells: all types except bytes and structs."""
    import pyarrow as pa

    return not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind))


def find_class_labels(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the class names of each column that Hugging Face's `datasets` has marked as classes in a schema.

    >>> features = b'{"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}'
    >>> find_class_labels({b"huggingface": b'{"info": {"features": ' + features + b"}}"})
    {'label': ['cat', 'dog']}
    """
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            str(name): [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def name_class(value: Any, names: list[str] | None) -> str:
    """Return a value as text, or the name of a numbered class."""
    if names and isinstance(value, int) and -1 <= value < len(names):
        return names[value] if value >= 0 else ""  # -1 means no label
    return as_text(value)
