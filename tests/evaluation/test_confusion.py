"""The confusion matrix of very many classes shows those that are confused."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from pawprint.evaluation import confusion
from pawprint.evaluation.confusion import MOST_CONFUSED, choose_confused, write_confusion_matrix


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
    assert {"class 3", "class 700", "class 500", "class 20"} <= set(named)
    assert len(named) == MOST_CONFUSED
    assert titles == ["5,000 of 5,008 photos right (99.8 %); of 1,000 classes the 25 most often taken for one another"]


def test_without_mistakes_the_first_classes_are_shown() -> None:
    assert choose_confused(np.eye(300, dtype=int), 3) == [0, 1, 2]
