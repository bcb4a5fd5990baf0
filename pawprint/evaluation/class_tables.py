"""Write and read classes.csv, how well each class is found, and confused_pairs.csv, what is taken for what."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from pawprint.base.tables import TableWriter, read_rows
from pawprint.evaluation.slices import wilson_interval

_FIGURES = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high", "f1")
_CLASS_COLUMNS = ("class", "photos", *_FIGURES, "most_often_taken_for", "times")
_PAIR_COLUMNS = ("true", "predicted", "photos", "share_of_true")


@dataclass(frozen=True)
class ClassRow:
    """The figures of a class; None for what is undefined: no photos, or never answered.

    Attributes:
        name: the class.
        photos: test photos of the class.
        precision: share of the answers with this class that are right, with Wilson's 95 % interval.
        recall: share of the class's photos that are found, with Wilson's 95 % interval.
        f1: harmonic mean of the two.
        taken_for: the class that its photos are most often taken for; "" if all are found.
        times: how often.
    """

    name: str
    photos: int
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float | None
    taken_for: str
    times: int


@dataclass(frozen=True)
class Pair:
    """Photos of one class that are taken for another: their number, and their share of the class's photos."""

    true: str
    predicted: str
    photos: int
    share: float


def tabulate_classes(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> list[ClassRow]:
    """Return a row for each class, in their order.

    Args:
        confusion: [k][k] numbers of photos, rows true, columns predicted.
        class_names: the k classes.
    """
    counts = np.asarray(confusion)
    rows = []
    for place, name in enumerate(class_names):
        hits, photos, answers = (int(n) for n in (counts[place, place], counts[place].sum(), counts[:, place].sum()))
        mistakes = counts[place].copy()
        mistakes[place] = 0
        most = int(mistakes.argmax())
        rows.append(
            ClassRow(
                name,
                photos,
                *_share(hits, answers),
                *_share(hits, photos),
                f1=2 * hits / (photos + answers) if photos and answers else None,
                taken_for=class_names[most] if mistakes[most] else "",
                times=int(mistakes[most]),
            )
        )
    return rows


def _share(part: int, whole: int) -> tuple[float | None, float | None, float | None]:
    return (part / whole, *wilson_interval(part, whole)) if whole else (None, None, None)


def find_confused_pairs(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> list[Pair]:
    """Return what is taken for what, the most frequent mistake first, of equal ones that of the smaller class.

    >>> [pair.predicted for pair in find_confused_pairs([[5, 0, 2], [1, 5, 0], [0, 0, 9]], ["ant", "bee", "cow"])]
    ['cow', 'ant']
    """
    counts = np.asarray(confusion)
    photos = counts.sum(axis=1)
    pairs = [
        Pair(class_names[true], class_names[said], int(counts[true, said]), float(counts[true, said] / photos[true]))
        for true, said in np.argwhere(counts - np.diag(np.diag(counts)))
    ]
    return sorted(pairs, key=lambda pair: (-pair.photos, -pair.share))


def choose_worst(rows: Sequence[ClassRow], most: int) -> list[ClassRow]:
    """Return all rows in their order, or of more than `most` those with the lowest F1, without classes of no photo."""
    if len(rows) <= most:
        return list(rows)
    judged = [row for row in rows if row.photos]
    return sorted(judged, key=lambda row: (row.f1 or 0.0, row.recall))[:most]


def write_classes(rows: Sequence[ClassRow], path: Path) -> None:
    """Write a row for each class; a value that is undefined is empty."""
    _write_rows(_CLASS_COLUMNS, rows, path)


def write_pairs(pairs: Sequence[Pair], path: Path) -> None:
    """Write a row for each pair of classes that is confused."""
    _write_rows(_PAIR_COLUMNS, pairs, path)


def _write_rows(columns: Sequence[str], rows: Sequence[ClassRow] | Sequence[Pair], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow(columns)
        writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in astuple(row)] for row in rows)


def read_classes(path: Path) -> list[ClassRow]:
    """Read classes.csv; nothing if an older version evaluated, which wrote none."""
    rows = []
    for name, photos, *cells, taken_for, times in _read_rows(path):
        figures = {figure: float(cell) if cell else None for figure, cell in zip(_FIGURES, cells, strict=True)}
        rows.append(ClassRow(name=name, photos=int(photos), **figures, taken_for=taken_for, times=int(times)))
    return rows


def read_pairs(path: Path) -> list[Pair]:
    """Read confused_pairs.csv; nothing if an older version evaluated, which wrote none."""
    return [Pair(true, said, int(photos), float(share)) for true, said, photos, share in _read_rows(path)]


def _read_rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(read_rows(file))[1:]
