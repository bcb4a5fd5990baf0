"""Read JSON and JSON lines as tables: a list of records or of pairs, or an object from names to labels."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pawprint.labels.tabular.limits import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, TableError
from pawprint.labels.tabular.sheet import Sheet, make_sheet


def load_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        TableError: The text is not JSON, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise TableError("its JSON is nested too deep") from error
    except ValueError as error:
        raise TableError(f"it is no JSON ({error})") from error


def load_lines(text: str) -> list[Any]:
    """Return the values of JSON lines.

    Raises:
        TableError: A line is not JSON, or there are too many lines.
    """
    lines = [line for line in islice(text.splitlines(), MAX_ROWS + 1) if line.strip()]
    if len(lines) > MAX_ROWS:
        raise TableError(f"it has more than {MAX_ROWS:,} lines")
    return [load_json(line) for line in lines]


def find_records(member: str, content: Any) -> Iterator[Sheet]:
    """Yield each table in a JSON value: the value itself, or the values of a top-level object.

    Raises:
        TableError: The table exceeds the limits.
    """
    if (sheet := _sheet(member, content)) is not None:
        yield sheet
    elif isinstance(content, dict):
        for value in islice(content.values(), 100):
            if isinstance(value, list | dict) and (sheet := _sheet(member, value)) is not None:
                yield sheet


def _sheet(member: str, content: Any) -> Sheet | None:
    if isinstance(content, list):
        return _of_list(member, content)
    if not isinstance(content, dict) or len(content) < 2:
        return None
    values = list(content.values())
    if all(isinstance(value, dict) for value in values):
        return _of_objects(member, ({"name": name, **value} for name, value in content.items()))
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        columns = [[as_text(cell) for cell in value] for value in values]
        return make_sheet(member, list(content), zip(*columns, strict=True))
    if all(isinstance(value, str | int | float | bool) for value in values):
        return make_sheet(member, None, ((name, as_text(value)) for name, value in content.items()))
    return None


def _of_list(member: str, items: list[Any]) -> Sheet | None:
    if items and all(isinstance(item, dict) for item in items):
        return _of_objects(member, items)
    if items and all(isinstance(item, list) and len(item) > 1 for item in items):
        return make_sheet(member, None, ([as_text(cell) for cell in item] for item in items))
    return None


def _of_objects(member: str, objects: Iterable[dict[str, Any]]) -> Sheet:
    flat = [_flatten(item) for item in objects]
    header = list(dict.fromkeys(name for item in flat for name in item))
    if len(header) > MAX_COLUMNS or len(header) * len(flat) > MAX_CELLS:
        raise TableError(f"it has {len(flat):,} records with {len(header):,} different keys")
    return make_sheet(member, header, ([item.get(name, "") for name in header] for item in flat))


def _flatten(item: dict[str, Any]) -> dict[str, str]:
    """Return the values of an object as text; those of a nested object are named `outer.inner`."""
    flat: dict[str, str] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": as_text(cell) for inner, cell in value.items()})
        else:
            flat[name] = as_text(value)
    return flat


def as_text(value: Any) -> str:
    """Return a JSON or Parquet value as a table's cell.

    >>> as_text(3.0), as_text(True), as_text(None), as_text(["cat"]), as_text(["cat", "dog"])
    ('3', 'true', '', 'cat', '["cat", "dog"]')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        # A list with one label is a label.
        return as_text(value[0]) if len(value) == 1 else json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
