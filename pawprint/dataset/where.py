"""`where`: keep only photos with a given value in their table."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from pawprint.base.errors import UserError
from pawprint.dataset.groups import describe_columns, guess_column
from pawprint.photos.collection import Photo


def keep_photos_where(where: str, photos: Mapping[str, Photo], columns: Sequence[str]) -> dict[str, Photo]:
    """Return the photos whose column has a value, or does not have it.

    Args:
        where: `column=value` or `column!=value`; an empty value means photos without a value.
        photos: By name.
        columns: Names of the table's columns.

    Raises:
        UserError: There is no such column or value, or no photo is left.

    >>> photos = {"a": Photo(0, "a", "cats", None, ("Oslo",)), "b": Photo(0, "b", "cats", None, ("Bergen",))}
    >>> list(keep_photos_where("site=Oslo", photos, ["site"])), list(keep_photos_where("site!=Oslo", photos, ["site"]))
    (['a'], ['b'])
    """
    match = re.fullmatch(r"(.*?)\s*(!?=)\s*(.*)", where, re.DOTALL)
    if match is None:
        raise UserError(f"where={where} is no condition; expected column=value or column!=value")
    column, sign, wanted = match.groups()
    if column not in columns:
        hint = describe_columns(columns) or "; no table came with the photos"
        raise UserError(f"where={where}: there is no column {column!r}{guess_column(column, columns)}{hint}")
    place = columns.index(column)
    values = Counter(photo.columns[place].strip() for photo in photos.values())
    if wanted not in values:
        common = ", ".join(f"{value!r} ({number})" for value, number in values.most_common(5))
        raise UserError(
            f"where={where}: no photo has {wanted!r} in the column {column!r}; its most frequent values are {common}"
        )
    kept = {name: photo for name, photo in photos.items() if (photo.columns[place].strip() == wanted) == (sign == "=")}
    if not kept:
        raise UserError(f"where={where} leaves no photo")
    return kept


def describe_where(where: str, kept: int, of: int) -> list[str]:
    """Return a sentence with the number of photos kept; nothing without a condition."""
    return [f"where={where}: {kept} of {of} photos are used"] if where else []
