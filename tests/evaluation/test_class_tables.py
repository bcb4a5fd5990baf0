"""Tables of classes and of what is taken for what."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pawprint.evaluation.class_tables import (
    choose_worst,
    find_confused_pairs,
    read_classes,
    read_pairs,
    tabulate_classes,
    write_classes,
    write_pairs,
)
from pawprint.evaluation.metrics import class_figures
from pawprint.evaluation.slices import wilson_interval

NAMES = ["ant", 'bee, "b"', "cow", "dodo"]
CONFUSION = [[8, 0, 2, 0], [1, 9, 0, 0], [0, 3, 0, 0], [0, 0, 0, 0]]
"""A class that is never said, and one without photos."""


def test_the_figures_are_those_of_metrics_json() -> None:
    labels = np.repeat(np.arange(4), np.sum(CONFUSION, axis=1))
    predictions = np.concatenate([np.repeat(np.arange(4), row) for row in CONFUSION])
    expected = class_figures(labels, np.eye(4)[predictions], NAMES)
    for row, figures in zip(tabulate_classes(CONFUSION, NAMES), expected, strict=True):
        assert (row.name, row.photos) == (figures["class_name"], figures["photos"])
        assert (row.precision, row.recall) == (figures["precision"], figures["recall"])
        assert row.f1 == (None if figures["f1"] is None else pytest.approx(figures["f1"]))


def test_shares_have_intervals_and_the_most_frequent_mistake_is_named() -> None:
    ant, bee, cow, dodo = tabulate_classes(CONFUSION, NAMES)
    assert (ant.recall, ant.recall_low, ant.recall_high) == (0.8, *wilson_interval(8, 10))
    assert (bee.precision, bee.precision_low, bee.precision_high) == (0.75, *wilson_interval(9, 12))
    assert (ant.taken_for, ant.times) == ("cow", 2)
    assert (cow.taken_for, cow.times) == (NAMES[1], 3)
    assert (dodo.taken_for, dodo.times, dodo.recall) == ("", 0, None)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows, pairs = tabulate_classes(CONFUSION, NAMES), find_confused_pairs(CONFUSION, NAMES)
    write_classes(rows, tmp_path / "classes.csv")
    write_pairs(pairs, tmp_path / "confused_pairs.csv")
    assert [(row.name, row.photos, row.taken_for, row.times) for row in read_classes(tmp_path / "classes.csv")] == [
        (row.name, row.photos, row.taken_for, row.times) for row in rows
    ]
    assert read_classes(tmp_path / "classes.csv")[0].recall_low == pytest.approx(rows[0].recall_low, abs=1e-6)
    assert read_pairs(tmp_path / "confused_pairs.csv") == pairs
    with (tmp_path / "classes.csv").open(newline="") as file:
        assert next(csv.reader(file))[:4] == ["class", "photos", "precision", "precision_low"]
    assert read_classes(tmp_path / "none.csv") == read_pairs(tmp_path / "none.csv") == []


def test_the_most_frequent_mistake_comes_first() -> None:
    pairs = find_confused_pairs(CONFUSION, NAMES)
    assert [(pair.true, pair.predicted, pair.photos) for pair in pairs] == [
        ("cow", NAMES[1], 3),
        ("ant", "cow", 2),
        (NAMES[1], "ant", 1),
    ]
    assert pairs[0].share == 1.0


def test_of_many_classes_the_worst_are_shown() -> None:
    rows = tabulate_classes(CONFUSION, NAMES)
    assert choose_worst(rows, 4) == rows
    assert [row.name for row in choose_worst(rows, 2)] == ["cow", NAMES[1]]
