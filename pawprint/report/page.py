"""Build `report.html`: one self-contained page about a main run, to send to others."""

import base64
import io
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from mlflow.entities import Run
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.tables import read_dicts
from pawprint.dataset.decode import MAX_PIXELS
from pawprint.evaluation.class_tables import choose_worst, read_classes, read_pairs
from pawprint.evaluation.costs import describe_costs
from pawprint.evaluation.doubts import Doubt
from pawprint.evaluation.robustness import describe_robustness, read_robustness
from pawprint.evaluation.selective import WITHOUT, explain_selection, read_selection, summarize_selection
from pawprint.evaluation.set_coverage import describe_set_coverage
from pawprint.evaluation.slices import describe_worst, read_slices
from pawprint.pipeline.results import Repeat, choose_best
from pawprint.report.effect import find_effect
from pawprint.report.graph import Lineage, Training, find_learning
from pawprint.report.picture import draw_curves, draw_lineage, run_url
from pawprint.report.pictures import embed_jpeg
from pawprint.report.replay import format_command
from pawprint.report.tree import format_facts
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.tags import get_group, get_tag
from pawprint.training.history import read_history

NOTEBOOK_ACCURACY = 0.6225
"""Test accuracy of the original notebook on cats and dogs, as its author reported it."""
PLOTS = {
    "roc.png": "ROC: the share of each class found against the share of the others taken for it",
    "precision_recall.png": "Precision against recall",
    "calibration.png": "Calibration: how often the network is right when it says so",
}
_LARGEST = (1400, 1800)
"""Largest width and height in pixels of a picture of photos, so that the page has at most 3 MB."""
_MOST_DOUBTS = 10
"""Most doubtful labels that are listed."""
_MOST_CLASSES = 12
"""Most classes for which the confusion matrix is a table."""
_MOST_CLASS_ROWS, _MOST_PAIRS = 20, 10
"""Most rows of the table of classes, and of that of confused pairs."""


def build_report(
    lineage: Lineage, repeats: Sequence[Repeat], notes: Sequence[str] = (), doubts: Sequence[Doubt] = ()
) -> str:
    """Return the page.

    Args:
        lineage: chain of a main run, with the trainings in the order of the repeats.
        repeats: results of the repeats.
        notes: lines for the top, such as the decision about a registered model.
        doubts: photos whose label looks wrong, the most certain first.

    Returns:
        HTML in UTF-8 that loads nothing from elsewhere.
    """
    best = choose_best(repeats)
    position = list(repeats).index(best)
    training = lineage.trainings[position]
    assert lineage.main is not None  # noqa: S101 - a report is of a main run
    evaluated = training.evaluations[-1]
    with _open(evaluated, "evaluation") as folder:
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
        predictions = list(read_dicts(io.StringIO((folder / "predictions.csv").read_text("utf-8"), newline="")))
        plots = [(_embed(folder / name), text) for name, text in PLOTS.items() if (folder / name).is_file()]
        mistakes = _embed_photos(folder / "mistakes.png")
        confusion = _embed(folder / "confusion_matrix.png")
        weaknesses = _read_weaknesses(folder)
        coverage = _embed(path) if (path := folder / "coverage.png").is_file() else None
        class_rows, pairs = read_classes(folder / "classes.csv"), read_pairs(folder / "confused_pairs.csv")
    photos = _read_photos(lineage)
    classes: list[str] = metrics["class_names"]
    histories = [_read_history(one) for one in lineage.trainings]
    template = build_environment().get_template("report.html.j2")
    return template.render(
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        main=lineage.main,
        main_url=run_url(lineage.main),
        classes=classes,
        best=best,
        repeats=repeats,
        metrics=metrics["metrics"],
        mean=_summarize(repeats),
        chance=max(row["photos"] for row in metrics["per_class"]) / metrics["num_photos"],
        num_test=metrics["num_photos"],
        notebook=NOTEBOOK_ACCURACY if classes == ["cats", "dogs"] and not photos["drawn"] else None,
        notes=notes,
        photos=photos,
        curves=[
            Markup(draw_curves(histories, name, title=f"{name} over the epochs"))  # noqa: S704 - drawn here
            for name in ("loss", "accuracy")
        ],
        variation=describe_variation(lineage.main, training.run),
        confusion=metrics["confusion_matrix"] if len(classes) <= _MOST_CLASSES else None,
        confusion_picture=confusion,
        class_rows=choose_worst(class_rows, _MOST_CLASS_ROWS),
        pairs=pairs[:_MOST_PAIRS],
        num_pairs=len(pairs),
        **describe_decisions(metrics),
        coverage=coverage,
        plots=plots,
        calibration=describe_calibration(training.run, metrics["metrics"]),
        mistakes=mistakes,
        wrong=sum(row["correct"] == "0" for row in predictions),
        doubts=doubts[:_MOST_DOUBTS],
        corrected=get_group(lineage.main, "corrections"),
        effect=find_effect(lineage),
        **weaknesses,
        num_doubts=len(doubts),
        slider=_slider(predictions, classes),
        architecture=training.run.data.params.get("architecture", ""),
        facts=format_facts(find_learning(training.run)),
        picture=Markup(draw_lineage(lineage)),  # noqa: S704 - drawn here, all text in it escaped
        command=format_command(lineage.main),
        runs=[(name, run, run_url(run)) for name, run in _name_runs(lineage)],
        links_are_local=run_url(lineage.main).startswith("http://127.0.0.1:5000/"),
    )


def describe_decisions(document: dict[str, Any]) -> dict[str, Any]:
    """Return the texts about what can be left to the model, and about costs; nothing of an older version's document."""
    if "selection" not in document:
        return {"left_to_it": None, "rests_on": "", "costs": ""}
    selection = read_selection(document)
    left_to_it = summarize_selection(selection) if selection else f"{WITHOUT}."
    rests_on = explain_selection(selection) if selection else ""
    return {"left_to_it": left_to_it, "rests_on": rests_on, "costs": describe_costs(document)}


def describe_variation(main: Run, training: Run) -> str:
    """Return a sentence about the augmentation, which explains the curves.

    Args:
        main: run of main.
        training: one of its trainings.
    """
    # The last layer of a pretrained network learns without augmentation, and the run has no such tag.
    if float(get_tag(main, "used.augmentation") or 0):
        varied = "Training photos are varied each time they are shown, validation photos are not"
        return f"{varied}: so training can look worse."
    as_they_are = "training photos are shown as they are, like the validation photos"
    if begun := training.data.metrics.get("finetuned_from"):
        return (
            f"Up to epoch {begun - 1:g} the last layer learns alone, and {as_they_are}. "
            "Then the later layers learn too, and training photos are varied each time: so training can look worse."
        )
    return f"{as_they_are.capitalize()}."


def describe_calibration(trained: Run, metrics: Mapping[str, float]) -> str:
    """Return sentences about the temperature and the prediction sets; "" where an older version trained."""
    temperature = trained.data.metrics.get("temperature")
    fitted = f"Its temperature is {temperature:.4g}, from the validation photos" if temperature is not None else ""
    return " ".join(f"{sentence}." for sentence in (fitted, describe_set_coverage(metrics)) if sentence)


def build_environment() -> Environment:
    """Return Jinja's environment for pages, which escapes all text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # class names, file names and sources are untrusted text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment


@contextmanager
def _open(run: Run, path: str) -> Iterator[Path]:
    with open_artifact(f"runs:/{run.info.run_id}/{path}", expected=f"runs:/<run id>/{path}") as folder:
        yield folder


def _embed(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _embed_photos(path: Path) -> str:
    """Return a picture of photos as a JPEG in a data URI, a tenth of the size of its PNG."""
    with Image.open(path, formats=["PNG"]) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise UserError(f"{path.name} is {picture.width}×{picture.height}, and none of our pictures is that large")
        small = picture.convert("RGB")
        small.thumbnail(_LARGEST, Image.Resampling.LANCZOS)
    return embed_jpeg(small)


def _read_weaknesses(folder: Path) -> dict[str, Any]:
    """Return pictures and texts about slices, robustness and explanations; older evaluations have none."""
    pictures = {
        name: _embed_photos(path) if (path := folder / f"{name}.png").is_file() else None
        for name in ("slices", "robustness", "explanations")
    }
    texts = {
        "weakest": describe_worst(read_slices(folder / "slices.csv")) if pictures["slices"] else "",
        "lost": describe_robustness(read_robustness(folder / "robustness.csv")) if pictures["robustness"] else "",
    }
    return {**pictures, **texts}


def _read_photos(lineage: Lineage) -> dict[str, Any]:
    assert lineage.preprocess is not None  # noqa: S101 - main has run it
    with _open(lineage.preprocess, "dataset") as folder:
        description = json.loads((folder / "dataset.json").read_text("utf-8"))
        with (folder / "quarantine.csv").open(newline="", encoding="utf-8") as file:
            reasons = Counter(row["reason"].partition(":")[0].partition(" of ")[0] for row in read_dicts(file))
        preview = _embed_photos(folder / "preview.png")
        near = _embed_photos(path) if (path := folder / "near_duplicates.png").is_file() else None
    source = str(description["source"])
    return {
        "source": source,
        "drawn": source.startswith("synthetic"),
        "fallback": get_tag(lineage.download, "source_fallback") if lineage.download else None,
        "counts": description["counts"],
        "notes": description["notes"],
        "left_out": reasons.most_common(),
        "preview": preview,
        "near_duplicates": near,
    }


def _read_history(training: Training) -> list[dict[str, float]]:
    with _open(training.run, "history.csv") as path:
        return read_history(path)


def _summarize(repeats: Sequence[Repeat]) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of the main metrics; empty for a single repeat."""
    if len(repeats) < 2:
        return {}
    names = [name for name in ("test_accuracy", "test_f1") if all(name in one.metrics for one in repeats)]
    values = {name: [one.metrics[name] for one in repeats] for name in names}
    return {name: (statistics.fmean(each), statistics.stdev(each)) for name, each in values.items()}


def _slider(predictions: Sequence[dict[str, str]], classes: Sequence[str]) -> dict[str, Any] | None:
    """Return the data of the threshold slider, or None unless there are two classes."""
    if len(classes) != 2:
        return None
    positive = classes[1]
    return {
        "positive": positive,
        "truth": [int(row["label"] == positive) for row in predictions],
        "probability": [round(float(row[f"probability_{positive}"]), 4) for row in predictions],
    }


def _name_runs(lineage: Lineage) -> Iterator[tuple[str, Run]]:
    for run in lineage.runs():
        yield "main" if run is lineage.main else run.info.run_name or "", run
