"""The confusion matrix of very many classes shows those that are confused."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from pawprint.evaluation import confusion
from pawprint.evaluation.confusion import MOST_CLASSES, choose_confused, write_confusion_matrix


def test_of_a_thousand_classes_the_most_confused_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.diag(np.full(1000, 5))
    counts[3, 700] = counts[500, 20] = 4
    named: list[str] = []
    titles: list[str] = []
    label_axes = confusion.label_axes

    def spy(axes: Axes, names: list[str]) -> None:
        named.extend(names)
        titles.append(axes.get_title(loc="left"))
        label_axes(axes, names)

    monkeypatch.setattr(confusion, "label_axes", spy)
    write_confusion_matrix(counts.tolist(), [f"class {number}" for number in range(1000)], tmp_path / "matrix.png")
    assert named == ["class 3", "class 20", "class 500", "class 700"]
    assert titles == ["5,000 of 5,008 photos right (99.8 %)\nof 1,000 classes the 4 most often taken for one another"]


def test_of_many_confused_classes_no_more_are_shown_than_can_be_read() -> None:
    counts = np.eye(200, dtype=int) + np.eye(200, k=1, dtype=int)
    counts[150, 160] = 7
    shown = choose_confused(counts, MOST_CLASSES)
    assert len(shown) == MOST_CLASSES
    assert {150, 160} <= set(shown)


def test_without_mistakes_the_first_classes_are_shown() -> None:
    assert choose_confused(np.eye(300, dtype=int), 3) == [0, 1, 2]
