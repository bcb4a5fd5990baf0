"""What is left out of an archive or a folder: how many for which reason, and the first names of each."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pawprint.archives.limits import NAMES_KEPT

NAMES_TOLD = 3


class LeftOut(Counter[str]):
    r"""Counts members by reason, and remembers the first names of each.

    Attributes:
        names: By reason, up to `NAMES_KEPT` names in the order they came; bytes that are no text in a name are
            written as `\udcff`, since the names go into the manifest.
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
        """Count what another archive left out, too."""
        self.update(other)
        for reason, names in other.names.items():
            kept = self.names.setdefault(reason, [])
            kept += names[: NAMES_KEPT - len(kept)]


def tell_left_out(counts: Mapping[str, int], names: Mapping[str, Iterable[str]]) -> list[str]:
    r"""Say what was left out, a line a reason, with the first three names.

    >>> tell_left_out({"encrypted": 4}, {"encrypted": ["cats/1.jpg", "cats/2\n.jpg"]})
    ['4 × encrypted: cats/1.jpg, cats/2?.jpg, …']
    """
    lines = []
    for reason, number in sorted(counts.items()):
        told = [printable(name) for name in list(names.get(reason, ()))[:NAMES_TOLD]]
        if told and number > len(told):
            told.append("…")
        lines.append(f"{number} × {reason}: {', '.join(told)}" if told else f"{number} × {reason}")
    return lines


def printable(name: str, length: int = 80) -> str:
    """Show a name that a stranger chose without letting it draw on the terminal; a long one without its middle."""
    text = "".join(sign if sign.isprintable() else "?" for sign in name)
    end = min(29, length // 2)
    return text if len(text) <= length else f"{text[: length - end - 1]}…{text[-end:]}"
