import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawprint.evaluation.doubts import Predictions, read_predictions
from pawprint.evaluation.mistakes import short_member, worst_mistakes
from pawprint.evaluation.results import evaluate_predictions
from pawprint.evaluation.style import percent, shorten

FILES = {
    "metrics.json",
    "predictions.csv",
    "confusion_matrix.png",
    "roc.png",
    "precision_recall.png",
    "calibration.png",
    "classes.csv",
    "confused_pairs.csv",
    "coverage.png",
    "mistakes.png",
    "suspicious_labels.csv",
}


class CountingImages:
    """Eight by eight photos that remember which were asked for."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, places, /):
        self.read += places.tolist()
        return np.full((len(places), 8, 8, 3), 128, dtype=np.uint8)


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_evaluation(folder: Path, labels, probabilities, class_names=("cats", "dogs"), validation=None, cost=""):
    images = CountingImages()
    metrics = evaluate_predictions(
        labels=labels,
        probabilities=probabilities,
        class_names=class_names,
        members=[f"test/{class_names[label]}/{place}.jpg" for place, label in enumerate(labels)],
        images=images,
        folder=folder,
        validation=validation,
        cost=cost,
    )
    return metrics, images


LONG = [f"a class with $quite$ a long_name, number {number}" for number in range(12)]


@pytest.mark.parametrize(
    ("labels", "probabilities", "class_names"),
    [
        pytest.param([0, 1, 1, 0], [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]], ("cats", "dogs"), id="two"),
        pytest.param([0, 1], [[0.9, 0.1], [0.1, 0.9]], ("cats", "dogs"), id="perfect"),
        pytest.param([0, 1], [[0.9, 0.1], [0.8, 0.2]], ("cats", "dogs"), id="never-predicted"),
        pytest.param([0], [[0.4, 0.6]], ("cats", "dogs"), id="one-photo"),
        pytest.param(
            np.arange(36) % 12, np.random.default_rng(0).dirichlet(np.ones(12), size=36), LONG, id="twelve-long-names"
        ),
        pytest.param(
            np.arange(60) % 30,
            np.random.default_rng(0).dirichlet(np.ones(30), size=60),
            [*map(str, range(30))],
            id="30",
        ),
        pytest.param([0, 1, 2], np.eye(3), ("猫", "собака", "a\nb"), id="other-scripts"),
    ],
)
def test_all_files_are_written_and_all_pictures_show_something(
    tmp_path: Path, labels, probabilities, class_names
) -> None:
    folder = tmp_path / "evaluation"
    write_evaluation(folder, labels, probabilities, class_names)
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation"]
    for path in folder.glob("*.png"):
        pixels = np.asarray(Image.open(path).convert("L"))
        # Ink somewhere, and none on the rim, where it would be cut off.
        assert pixels.min() < 100, path.name
        rim = np.concatenate([pixels[:3].ravel(), pixels[-3:].ravel(), pixels[:, :3].ravel(), pixels[:, -3:].ravel()])
        assert rim.min() == 255, f"{path.name} is cut off"


LABELS = np.array([0, 0, 1])
PROBABILITIES = np.array([[0.9, 0.1], [1 / 3, 2 / 3], [0.2, 0.8]], dtype=np.float32)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Path]:
    """The metrics of three photos, and the folder of their evaluation."""
    folder = tmp_path_factory.mktemp("written") / "evaluation"
    metrics, _ = write_evaluation(folder, LABELS, PROBABILITIES)
    return metrics, folder


def test_metrics_json_holds_what_is_returned(written: tuple[dict[str, float], Path]) -> None:
    metrics, folder = written
    told = json.loads((folder / "metrics.json").read_text())
    assert told["metrics"] == metrics
    assert told["class_names"] == ["cats", "dogs"]
    assert told["schema_version"] == 1


def test_predictions_have_one_row_a_photo_and_probabilities_as_they_were(written: tuple[object, Path]) -> None:
    with (written[1] / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["member"] for row in rows] == ["test/cats/0.jpg", "test/cats/1.jpg", "test/dogs/2.jpg"]
    assert [(row["label"], row["prediction"], row["correct"]) for row in rows] == [
        ("cats", "cats", "1"),
        ("cats", "dogs", "0"),
        ("dogs", "dogs", "1"),
    ]
    read = np.array([[row["probability_cats"], row["probability_dogs"]] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(read, PROBABILITIES)


def test_the_same_answers_give_the_same_bytes(written: tuple[object, Path], tmp_path: Path) -> None:
    write_evaluation(tmp_path / "again", LABELS, PROBABILITIES)
    assert read_all(tmp_path / "again") == read_all(written[1])


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation/mine.txt").write_text("keep")
    with pytest.raises(OSError, match="evaluation"):
        write_evaluation(tmp_path / "evaluation", [0], [[0.4, 0.6]])
    assert [path.name for path in tmp_path.rglob("*")] == ["evaluation", "mine.txt"]


def test_the_surest_mistakes_come_first_and_only_they_are_read(tmp_path: Path) -> None:
    labels = np.zeros(40, dtype=int)
    wrong = np.linspace(0.99, 0.6, 40)
    wrong[::2] = 0.1
    probabilities = np.stack([1 - wrong, wrong], axis=1)
    expected = list(range(1, 33, 2))
    assert worst_mistakes(labels, probabilities).tolist() == expected
    _, images = write_evaluation(tmp_path / "evaluation", labels, probabilities)
    assert images.read == expected


def test_without_mistakes_the_closest_calls_are_shown(tmp_path: Path) -> None:
    confidences = np.array([0.9, 0.6, 0.99, 0.7])
    _, images = write_evaluation(
        tmp_path / "evaluation", np.zeros(4, dtype=int), np.stack([confidences, 1 - confidences], axis=1)
    )
    assert images.read == [1, 3, 0, 2]


def test_text_for_people() -> None:
    assert percent(0.99996) == "> 99.9 %"
    assert percent(1.0) == "100 %"
    assert percent(0.0) == "0 %"
    assert percent(0.0001) == "< 0.1 %"
    assert shorten("abcdefgh", 5) == "ab…gh"
    assert len(shorten("x" * 100, 24)) == 24
    assert shorten("a\nb", 5) == "a?b"
    assert short_member("test_set/test_set/cats/cat.4001.jpg") == "cats/cat.4001.jpg"


def test_validation_photos_are_doubted_too_and_only_choose_what_is_left_to_a_person(
    written: tuple[dict[str, float], Path], tmp_path: Path
) -> None:
    validation = Predictions("validation", ("held/out.jpg",), np.array([0]), np.array([[0.05, 0.95]]))
    metrics, _ = write_evaluation(tmp_path / "with", LABELS, PROBABILITIES, validation=validation)
    own = {name for name in metrics if name.startswith("test_answered")}
    assert {name: value for name, value in metrics.items() if name not in own} == written[0]
    assert own == {f"test_answered{what}{end}" for what in ("", "_accuracy") for end in ("", "_low", "_high")} - (
        set() if metrics["test_answered"] else {f"test_answered_accuracy{end}" for end in ("", "_low", "_high")}
    )
    assert {path.name for path in (tmp_path / "with").iterdir()} == FILES | {"validation_predictions.csv"}
    with (tmp_path / "with/suspicious_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["member"], row["split"], row["label"], row["suggestion"]) for row in rows] == [
        ("held/out.jpg", "validation", "cats", "dogs"),
    ]
    assert read_predictions(tmp_path / "with/validation_predictions.csv", "validation", ("cats", "dogs")).members == (
        "held/out.jpg",
    )


def test_costs_are_counted_and_change_no_other_metric(written: tuple[dict[str, float], Path], tmp_path: Path) -> None:
    metrics, _ = write_evaluation(tmp_path / "costly", LABELS, PROBABILITIES, cost="cats>dogs:5")
    own = {name: value for name, value in metrics.items() if name.startswith("test_cost")}
    assert {name: value for name, value in metrics.items() if name not in own} == written[0]
    # The one mistake costs 5 of three photos. From 5/6 on “dogs” is said: never here, so the dog is missed.
    assert own["test_cost_plain"] == pytest.approx(5 / 3)
    assert own["test_cost"] == pytest.approx(1 / 3)
    document = json.loads((tmp_path / "costly/metrics.json").read_text())
    assert document["costs"]["threshold"] == pytest.approx(5 / 6)
    assert document["costs"]["changed"] == 2
