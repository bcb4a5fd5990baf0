"""What is left out of an archive or a folder: the number of files for each reason, and the first names."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pawprint.archives.limits import NAMES_KEPT

NAMES_SHOWN = 3


class LeftOut(Counter[str]):
    r"""Count members by reason, and keep the first names of each.

    Attributes:
        names: Up to `NAMES_KEPT` names for each reason, in order of arrival. Bytes that are not text are written as
            `\udcff`, because the names go into the manifest.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, list[str]] = {}

    def add(self, reason: str, member: str) -> None:
        """Count one member."""
        self[reason] += 1
        kept = self.names.setdefault(reason, [])
        if len(kept) < NAMES_KEPT:
            kept.append(member.encode("utf-8", "backslashreplace").decode())

    def merge(self, other: "LeftOut") -> None:
        """Add the counts and names of another archive."""
        self.update(other)
        for reason, names in other.names.items():
            kept = self.names.setdefault(reason, [])
            kept += names[: NAMES_KEPT - len(kept)]


def format_left_out(counts: Mapping[str, int], names: Mapping[str, Iterable[str]]) -> list[str]:
    r"""Return one line for each reason, with the first names.

    >>> format_left_out({"encrypted": 4}, {"encrypted": ["cats/1.jpg", "cats/2\n.jpg"]})
    ['4 × encrypted: cats/1.jpg, cats/2?.jpg, …']
    """
    lines = []
    for reason, number in sorted(counts.items()):
        shown = [printable(name) for name in list(names.get(reason, ()))[:NAMES_SHOWN]]
        if shown and number > len(shown):
            shown.append("…")
        lines.append(f"{number} × {reason}: {', '.join(shown)}" if shown else f"{number} × {reason}")
    return lines


def printable(name: str, length: int = 80) -> str:
    """Return a name from a stranger without control characters; a long name is shortened in the middle."""
    text = "".join(sign if sign.isprintable() else "?" for sign in name)
    end = min(29, length // 2)
    return text if len(text) <= length else f"{text[: length - end - 1]}…{text[-end:]}"
