"""Find the names of numbered classes: `labels.txt`, `classes.csv`, `class_names.json`, a dataset card."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from pawprint.archives.members import suffix_of
from pawprint.archives.shard_names import LARGEST_NAMES_FILE, NAMES_FILE
from pawprint.labels.tabular.columns import INTEGER
from pawprint.labels.tabular.limits import LONGEST_CELL, TableError
from pawprint.labels.tabular.matching import has_photo_suffix
from pawprint.labels.tabular.records import load_json
from pawprint.labels.tabular.text import decode_text

MOST_FILES = 50  # that are searched for class names

Names = dict[str, str]


def find_class_names(
    labels: Collection[str], companions: Collection[str], read: Callable[[str], bytes]
) -> tuple[Names, str] | None:
    """Return the name of each numbered class and the file with the names, or None if no file names all classes.

    Args:
        labels: The classes: whole numbers, as text.
        companions: Files that may hold the names.
        read: Returns the bytes of a file.
    """
    if not labels or not all(INTEGER.fullmatch(label) for label in labels):
        return None
    likely = [member for member in companions if NAMES_FILE.fullmatch(PurePosixPath(member).name)]
    for member in sorted(likely, key=lambda member: (member.count("/"), member))[:MOST_FILES]:
        try:
            data = read(member)
            if len(data) > LARGEST_NAMES_FILE:
                continue
            found = list(parse_class_names(suffix_of(member), decode_text(data)))
        except (TableError, RecursionError, OverflowError):
            continue
        for names in found:
            if (fitting := _fit(names, labels)) is not None:
                return fitting, member
    return None


def _fit(names: Names, labels: Collection[str]) -> Names | None:
    numbers = {label: str(int(float(label))) for label in labels}
    if not set(numbers.values()) <= names.keys():
        return None
    fitting = {label: names[number] for label, number in numbers.items()}
    # A list of a thousand numbers does not fit a set of ten classes, unless it names few more than these. Nor does a
    # list that gives each number a picture, as Meta.csv of the traffic signs does.
    distinct = len(set(fitting.values())) == len(fitting) and not any(map(has_photo_suffix, fitting.values()))
    return fitting if distinct and len(names) <= 4 * len(labels) + 10 else None


def parse_class_names(suffix: str, text: str) -> Iterator[Names]:
    r"""Yield each possible reading of a file as names of numbers.

    >>> list(parse_class_names(".txt", "cat\ndog"))
    [{'0': 'cat', '1': 'dog'}, {'1': 'cat', '2': 'dog'}]
    >>> list(parse_class_names(".json", '{"cat": 0, "dog": 1}'))
    [{'0': 'cat', '1': 'dog'}]
    """
    if suffix == ".json":
        yield from _of_value(load_json(text), depth=0)
    elif suffix in {".yaml", ".yml", ".md"}:
        yield from _of_value(_load_yaml(text, front_matter=suffix == ".md"), depth=0)
    else:
        yield from _of_lines(text)


def _of_lines(text: str) -> Iterator[Names]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not 1 < len(lines) <= 100_000:
        return
    for delimiter in (",", ";", "\t", None):
        rows = _cut(lines, delimiter)
        # A header does not begin with a number.
        for first, second in ((0, 1), (1, 0)):
            pairs = [(row[first], row[second]) for row in rows if len(row) > 1 and INTEGER.fullmatch(row[first])]
            if len(pairs) >= len(rows) - 1 > 0:
                yield _clean(dict(pairs))
    if not any(re.search(r"[,;\t]", line) for line in lines):
        yield _clean({str(number): line for number, line in enumerate(lines)})
        yield _clean({str(number): line for number, line in enumerate(lines, start=1)})


def _cut(lines: list[str], delimiter: str | None) -> list[list[str]]:
    if delimiter is None:
        return [line.split(None, 1) for line in lines]
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter))
    except csv.Error:
        return []
    return [[cell.strip() for cell in row] for row in rows]


def _of_value(value: Any, *, depth: int) -> Iterator[Names]:
    if depth > 6 or not isinstance(value, list | dict):
        return
    if isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield _clean({str(number): item for number, item in enumerate(value)})
            return
        if value and all(isinstance(item, dict) and "id" in item and "name" in item for item in value):
            yield _clean({str(item["id"]): str(item["name"]) for item in value})
        for item in value[:100]:
            yield from _of_value(item, depth=depth + 1)
        return
    keys, values = [str(key) for key in value], list(value.values())
    if value and all(INTEGER.fullmatch(key) for key in keys) and all(isinstance(item, str) for item in values):
        yield _clean(dict(zip(keys, values, strict=True)))
    elif value and all(isinstance(item, int) or (isinstance(item, str) and INTEGER.fullmatch(item)) for item in values):
        yield _clean({str(number): name for name, number in zip(keys, values, strict=True)})
    for item in values[:100]:
        yield from _of_value(item, depth=depth + 1)


def _load_yaml(text: str, *, front_matter: bool) -> Any:
    if front_matter:
        found = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
        if found is None:
            return None
        text = found[1]
    # Nested anchors can make a few lines expand to a billion; no list of names needs anchors.
    if re.search(r"[&*]\w+", text):
        return None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise TableError(f"it is no YAML ({error})") from error


def _clean(names: Mapping[str, str]) -> Names:
    return {number.strip(): name.strip()[:LONGEST_CELL] for number, name in names.items() if name.strip()}
