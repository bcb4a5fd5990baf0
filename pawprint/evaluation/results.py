"""Write the `evaluation/` artifact: a model's results on the test photos, as numbers and as pictures.

Reads the test photos' labels and pixels and the model's probabilities, and those of the validation photos. Writes
metrics.json, predictions.csv, classes.csv, confused_pairs.csv, confusion_matrix.png, roc.png, precision_recall.png,
calibration.png, coverage.png, mistakes.png, suspicious_labels.csv, prediction_sets.csv if the model has any, and, if
there are photos of these sides, validation_predictions.csv and train_predictions.csv. With many photos of many classes
the probabilities are in predictions.parquet and the like beside them, not in the CSV files.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pawprint.base.files import write_json
from pawprint.base.tables import TableWriter
from pawprint.dataset.shards import Images
from pawprint.evaluation.bootstrap import Integers
from pawprint.evaluation.calibration import write_calibration
from pawprint.evaluation.class_tables import find_confused_pairs, tabulate_classes, write_classes, write_pairs
from pawprint.evaluation.confusion import write_confusion_matrix
from pawprint.evaluation.costs import count_costs
from pawprint.evaluation.coverage import write_coverage
from pawprint.evaluation.curves import write_precision_recall, write_roc
from pawprint.evaluation.doubts import Predictions, find_doubts, format_doubts, name_predictions
from pawprint.evaluation.metrics import check_predictions, compute_metrics, defined_metrics
from pawprint.evaluation.mistakes import write_mistakes
from pawprint.evaluation.selective import check_decision, selection_metrics
from pawprint.evaluation.set_coverage import write_set_coverage
from pawprint.models.decision import Decision, choose_decision
from pawprint.models.prediction_sets import PredictionSets

MOST_IN_CSV, FEW_CLASSES = 1_000_000, 25
"""Probabilities that a CSV holds, if there are more than a few classes: ten megabytes. More are written as Parquet."""
MOST_IN_MATRIX = 100
"""Classes whose confusion matrix metrics.json holds; of more, confused_pairs.csv has what is not 0."""
_ROW_GROUP = 4096


def evaluate_predictions(
    *,
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    members: Sequence[str],
    images: Images,
    folder: Path,
    validation: Predictions | None = None,
    training: Predictions | None = None,
    sets: PredictionSets | None = None,
    decision: Decision | None = None,
    cost: str = "",
    unlikeness: ArrayLike | None = None,
) -> dict[str, float]:
    """Score a model on its test photos and write the whole `evaluation/` folder.

    The folder is written under a temporary name and then renamed, so it is either complete or missing.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] as the network gave them.
        class_names: the k classes in sorted order.
        members: [n] the photos' names in their archive.
        images: the photos: an int array [m] as index gives uint8 [m, side, side, 3]; read only for mistakes.png.
        folder: the folder to write; its parent must exist, and the folder must be missing or empty.
        validation: the network's predictions for the validation photos, which chose the epoch but did not train it.
            They count in no metric, but their labels can look wrong as well.
        training: another model's predictions for the training photos, whose labels it has not learned (see
            `second_opinion`).
        sets: the model's prediction sets; None or without thresholds if it has none.
        decision: what the model leaves to a person; None for one of an earlier version, for which the validation photos
            now choose it.
        cost: what mistakes cost (see `parse_costs`); "" if all cost the same.
        unlikeness: [n] the network's second output; None if it has none.

    Returns:
        The metrics to log, "test_accuracy" and so on with `_low` and `_high`, without those that are undefined for
        these photos. The positive class is in metrics.json.

    Raises:
        UserError: there are no test photos, the model's answers are not numbers, or `cost` can't be read.
        OSError: the folder is not empty.
    """
    document = compute_metrics(labels, probabilities, class_names)
    if unlikeness is not None:
        document["metrics"]["test_unlike_share"] = float(np.mean(np.asarray(unlikeness) > 1))
    # The pictures must agree with the metrics: both use the checked values.
    numbers, values = check_predictions(labels, probabilities, len(class_names))
    selection = costs = None
    if validation is not None:
        checked = check_predictions(validation.labels, validation.probabilities, len(class_names))
        decision = decision or choose_decision(*checked)
    if decision is not None:
        scores = None if unlikeness is None else np.asarray(unlikeness)
        selection = check_decision(decision, numbers, values, scores)
        document["metrics"] |= selection_metrics(selection)
    if cost:
        costs = count_costs(cost, class_names, numbers, values)
        document["metrics"] |= costs["metrics"]
    document |= {"selection": selection and asdict(selection), "costs": costs}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        draft = Path(beside) / folder.name
        draft.mkdir()
        if sets is not None and sets.thresholds:
            # As predict does, and not the checked values: rounded otherwise, they can fall below a threshold.
            raw = np.asarray(probabilities)
            document["metrics"] |= write_set_coverage(numbers, raw, class_names, sets, draft / "prediction_sets.csv")
        confusion = document["confusion_matrix"]
        if len(class_names) > MOST_IN_MATRIX:
            document["confusion_matrix"] = None
        write_json(document, draft / "metrics.json", allow_nan=False)
        write_predictions(labels, probabilities, class_names, members, draft / "predictions.csv", unlikeness)
        write_classes(tabulate_classes(confusion, class_names), draft / "classes.csv")
        write_pairs(find_confused_pairs(confusion, class_names), draft / "confused_pairs.csv")
        write_confusion_matrix(confusion, class_names, draft / "confusion_matrix.png")
        write_roc(numbers, values, class_names, draft / "roc.png")
        write_precision_recall(numbers, values, class_names, draft / "precision_recall.png")
        write_calibration(numbers, values, draft / "calibration.png")
        write_coverage(numbers, values, selection, draft / "coverage.png")
        write_mistakes(numbers, values, class_names, members, images, draft / "mistakes.png")
        unlearned = [Predictions("test", tuple(members), numbers, values)]
        if validation is not None:
            unlearned.append(Predictions(validation.split, validation.members, *checked))
        if training is not None:
            unlearned.append(training)
        for each in filter(None, (validation, training)):
            answers = (each.labels, each.probabilities, class_names, each.members)
            write_predictions(*answers, draft / name_predictions(each.split), each.unlikeness)
        doubts = format_doubts(find_doubts(unlearned, class_names))
        (draft / "suspicious_labels.csv").write_text(doubts, encoding="utf-8", newline="")
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    return defined_metrics(document)


def write_predictions(
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    members: Sequence[str],
    path: Path,
    unlikeness: ArrayLike | None = None,
) -> None:
    """Write one row for each photo: member, label, prediction, correct (1 or 0) and each class's probability.

    If it was measured, the last column is the unlikeness.

    Probabilities are written with nine significant digits, enough to restore a float32 exactly. If there are more than
    `MOST_IN_CSV`, they are written beside it as Parquet, and the CSV has only that of the prediction.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] from the network.
        class_names: the k classes; their columns are named `probability_<class>`, as in the served model's output.
        members: [n] the photos' names in their archive.
        path: the CSV file, UTF-8.
        unlikeness: [n] the network's second output, or None.
    """
    numbers = np.asarray(labels)
    values = np.asarray(probabilities)
    apart = values.size > MOST_IN_CSV and len(class_names) > FEW_CLASSES
    named = [f"probability_{name}" for name in class_names]
    more: list[list[str]] = [[] for _ in numbers]
    if unlikeness is not None:
        more = [[f"{value:.6g}"] for value in np.asarray(unlikeness)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        columns = [*(["probability"] if apart else named), *["unlikeness"] * (unlikeness is not None)]
        writer.writerow(["member", "label", "prediction", "correct", *columns])
        for member, label, row, last in zip(members, numbers, values, more, strict=True):
            prediction = int(row.argmax())
            written = row[prediction : prediction + 1] if apart else row
            cells = (f"{value:.9g}" for value in written)
            writer.writerow(
                [member, class_names[label], class_names[prediction], int(prediction == label), *cells, *last]
            )
    if apart:
        _write_parquet(numbers, values, class_names, members, path.with_suffix(".parquet"), unlikeness)


def _write_parquet(
    labels: Integers,
    values: NDArray[Any],
    class_names: Sequence[str],
    members: Sequence[str],
    path: Path,
    unlikeness: ArrayLike | None,
) -> None:
    """Write member, label, and each class's probability, float32, some thousand photos at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    names = ["member", "label", *(f"probability_{name}" for name in class_names)]
    names += ["unlikeness"] * (unlikeness is not None)
    more = [] if unlikeness is None else [np.asarray(unlikeness, np.float32)]
    schema = pa.schema([(name, pa.string() if place < 2 else pa.float32()) for place, name in enumerate(names)])
    with parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=["label"]) as writer:
        for start in range(0, len(labels), _ROW_GROUP):
            some = slice(start, start + _ROW_GROUP)
            columns = np.ascontiguousarray(values[some].T, np.float32)
            of_photos = [list(members[some]), [class_names[label] for label in labels[some]]]
            writer.write_table(pa.table([*of_photos, *columns, *(one[some] for one in more)], schema=schema))
