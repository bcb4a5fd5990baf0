import csv
import io
from pathlib import Path

import numpy as np

from pawprint.evaluation.doubts import Predictions, find_doubts, format_doubts, read_predictions
from pawprint.evaluation.results import write_predictions

CLASSES = ("ant", "bee", "cow")


def predict(probabilities, labels, split="test", name="photo") -> Predictions:
    members = tuple(f"{name}/{number}" for number in range(len(labels)))
    return Predictions(split, members, np.array(labels), np.array(probabilities, dtype=np.float64))


def make_answers(num: int, seed: int, sharpness: float):
    """Labels in truth, answers that are right more often than not, and their order of confidence left to chance."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    logits = rng.normal(0, 1, (num, 3)) + sharpness * np.eye(3)[labels]
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_planted_wrong_labels_are_found_and_lead_the_list() -> None:
    truth, probabilities = make_answers(600, seed=0, sharpness=5)
    rng = np.random.default_rng(1)
    wrong = rng.choice(600, 30, replace=False)
    labels = truth.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 3, 30)) % 3
    doubts = find_doubts([predict(probabilities, labels)], CLASSES)
    planted = {f"photo/{number}" for number in wrong}
    found = {doubt.member for doubt in doubts}
    assert len(found & planted) >= 27
    assert len({doubt.member for doubt in doubts[:25]} & planted) >= 23
    right = {f"photo/{number}": CLASSES[truth[number]] for number in wrong}
    assert sum(doubt.suggestion == right[doubt.member] for doubt in doubts if doubt.member in planted) >= 26


def test_the_surest_doubt_is_first_with_its_figures() -> None:
    sure = predict([[0.9, 0.1, 0], [0.05, 0.95, 0], [0.2, 0.8, 0], [0.1, 0.8, 0.1], [0, 0.1, 0.9]], [0, 0, 0, 1, 2])
    first, second = find_doubts([sure], CLASSES)
    assert (first.member, first.label, first.suggestion) == ("photo/1", "ant", "bee")
    np.testing.assert_allclose([first.probability, first.self_confidence, first.normalized_margin], [0.95, 0.05, -0.9])
    assert second.member == "photo/2"


def test_an_answer_below_what_its_class_usually_gets_is_no_doubt() -> None:
    """The model says bee at 0.6, where it gives real bees 0.9: a wrong answer, but no doubt of the label."""
    answers = [[0.4, 0.6, 0], [0.9, 0.1, 0], [0.1, 0.9, 0], [0.1, 0.9, 0], [0, 0, 1]]
    assert find_doubts([predict(answers, [0, 0, 1, 1, 2])], CLASSES) == []


def test_a_class_without_photos_is_never_suggested() -> None:
    assert find_doubts([predict([[0.1, 0.1, 0.8], [0.9, 0.1, 0], [0.1, 0.9, 0]], [0, 0, 1])], CLASSES) == []


def test_splits_share_their_thresholds_and_the_list() -> None:
    test = predict([[0.95, 0.05, 0], [0.1, 0.9, 0]], [0, 1])
    validation = predict([[0.0, 1.0, 0.0]], [0], split="validation", name="held out")
    assert [(doubt.member, doubt.split) for doubt in find_doubts([test, validation], CLASSES)] == [
        ("held out/0", "validation")
    ]


def test_nothing_said_is_nothing_doubted() -> None:
    assert find_doubts([], CLASSES) == []


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    labels, probabilities = make_answers(40, seed=2, sharpness=1)
    said = predict(probabilities.astype(np.float32), labels, name='a,b"c')
    write_predictions(said.labels, said.probabilities, CLASSES, said.members, tmp_path / "predictions.csv")
    back = read_predictions(tmp_path / "predictions.csv", "test", CLASSES)
    assert back.members == said.members
    np.testing.assert_array_equal(back.labels, said.labels)
    np.testing.assert_allclose(back.probabilities, said.probabilities, rtol=1e-8)
    doubts = find_doubts([back], CLASSES)
    rows = list(csv.DictReader(io.StringIO(format_doubts(doubts))))
    assert [row["member"] for row in rows] == [doubt.member for doubt in doubts]
    assert len(rows) > 0
