"""The `evaluation/` artifact: what a model's answers on the test photos are worth, as numbers and as pictures.

Reads the test photos' labels, pixels and the model's probabilities, and those of the validation photos. Writes
metrics.json, predictions.csv, confusion_matrix.png, roc.png, precision_recall.png, calibration.png, mistakes.png,
suspicious_labels.csv and, where there are validation photos, validation_predictions.csv.
"""

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from pawprint.base.files import write_json
from pawprint.dataset.shards import Images
from pawprint.evaluation.calibration import write_calibration
from pawprint.evaluation.confusion import write_confusion_matrix
from pawprint.evaluation.curves import write_precision_recall, write_roc
from pawprint.evaluation.doubts import Predictions, find_doubts, format_doubts
from pawprint.evaluation.metrics import check_predictions, compute_metrics, defined_metrics
from pawprint.evaluation.mistakes import write_mistakes


def evaluate_predictions(
    *,
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    members: Sequence[str],
    images: Images,
    folder: Path,
    validation: Predictions | None = None,
) -> dict[str, float]:
    """Score a model on its test photos and write the whole `evaluation/` folder.

    The folder is written beside and renamed, so it is either whole or not there.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] as the network gave them.
        class_names: the k classes in sorted order.
        members: [n] the photos' names in their archive.
        images: indexed with an int array [m] gives uint8 [m, side, side, 3]; read for the mistakes only.
        folder: where to; its parent must be there, and itself not, or empty.
        validation: what the network said of photos that chose the epoch, and that it has not learned from: no metric
            comes from them, but their labels can look wrong as well.

    Returns:
        The metrics to log, "test_accuracy" and so on with `_low` and `_high`, without those that these photos do
        not define. The positive class is in metrics.json.

    Raises:
        UserError: there are no test photos, or the model's answers are not numbers.
        OSError: the folder holds something already.
    """
    document = compute_metrics(labels, probabilities, class_names)
    # The pictures tell the same story as the metrics: both work on the checked values.
    numbers, values = check_predictions(labels, probabilities, len(class_names))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        draft = Path(beside) / folder.name
        draft.mkdir()
        write_json(document, draft / "metrics.json", allow_nan=False)
        write_predictions(labels, probabilities, class_names, members, draft / "predictions.csv")
        write_confusion_matrix(document["confusion_matrix"], class_names, draft / "confusion_matrix.png")
        write_roc(numbers, values, class_names, draft / "roc.png")
        write_precision_recall(numbers, values, class_names, draft / "precision_recall.png")
        write_calibration(numbers, values, draft / "calibration.png")
        write_mistakes(numbers, values, class_names, members, images, draft / "mistakes.png")
        unlearned = [Predictions("test", tuple(members), numbers, values)]
        if validation is not None:
            said = (validation.labels, validation.probabilities)
            write_predictions(*said, class_names, validation.members, draft / "validation_predictions.csv")
            checked = check_predictions(*said, len(class_names))
            unlearned.append(Predictions(validation.split, validation.members, *checked))
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
) -> None:
    """Write one row a photo: member, label, prediction, correct (1 or 0) and each class's probability.

    Probabilities are written with nine significant digits, which give a float32 back exactly.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] as the network gave them.
        class_names: the k classes; their columns are named `probability_<class>`, as the served model's.
        members: [n] the photos' names in their archive.
        path: of the CSV file, UTF-8.
    """
    numbers = np.asarray(labels)
    values = np.asarray(probabilities)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["member", "label", "prediction", "correct", *(f"probability_{name}" for name in class_names)])
        for member, label, row in zip(members, numbers, values, strict=True):
            prediction = int(row.argmax())
            writer.writerow(
                [
                    member,
                    class_names[label],
                    class_names[prediction],
                    int(prediction == label),
                    *(f"{value:.9g}" for value in row),
                ]
            )
