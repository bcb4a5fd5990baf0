import csv

import numpy as np

from pawprint.evaluation.set_coverage import describe_set_coverage, write_set_coverage
from pawprint.models.prediction_sets import PredictionSets

LABELS = np.array([0, 0, 1, 1])
ANSWERS = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]], np.float32)


def test_coverage_and_size_are_counted_for_all_and_by_class(tmp_path):
    sets = PredictionSets(20, {90: 0.7, 95: 0.3, 99: None})
    metrics = write_set_coverage(LABELS, ANSWERS, ("cats", "dogs"), sets, tmp_path / "sets.csv")
    assert metrics == {
        "test_coverage_90": 0.5,  # the answer alone: {cats}, {dogs}, {dogs}, {cats}
        "test_set_size_90": 1.0,
        "test_coverage_95": 0.75,  # {cats}, {dogs, cats}, {dogs, cats}, {cats}
        "test_set_size_95": 1.5,
    }
    with (tmp_path / "sets.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["level"], row["class"]): row for row in csv.DictReader(file)}
    assert set(rows) == {(level, name) for level in ("90", "95") for name in ("", "cats", "dogs")}
    assert [rows["95", name]["coverage"] for name in ("", "cats", "dogs")] == ["0.7500", "1.0000", "0.5000"]
    assert rows["95", "dogs"]["mean_size"] == "1.5000"
    assert float(rows["95", "cats"]["low"]) < 1 == float(rows["95", "cats"]["high"])
    assert describe_set_coverage(metrics).startswith("labels_95 holds the true label of 75.0 % of the test photos")


def test_a_class_without_photos_has_no_row_and_an_unpromised_level_no_line(tmp_path):
    sets = PredictionSets(9, {90: 0.7, 95: None})
    metrics = write_set_coverage(LABELS[:2], ANSWERS[:2], ("cats", "dogs"), sets, tmp_path / "sets.csv")
    assert list(metrics) == ["test_coverage_90", "test_set_size_90"]
    assert describe_set_coverage(metrics) == ""
    assert [line.split(",")[2] for line in (tmp_path / "sets.csv").read_text().splitlines()] == ["class", "", "cats"]
