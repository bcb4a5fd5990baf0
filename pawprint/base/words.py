"""Say lists in words."""

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int = 12) -> str:
    """Return names, the first of many, and the number of the others.

    >>> name_some(["ant", "bee"], 2), name_some(["ant", "bee", "cat"], 1)
    ('ant, bee', 'ant and 2 more')
    """
    named = ", ".join(names[:most])
    return named + f" and {len(names) - most} more" if len(names) > most else named
