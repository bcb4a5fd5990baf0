"""Draw roc.png and precision_recall.png: the results of every possible threshold."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.rankings import is_many, rank
from pawprint.evaluation.style import BLUE, DASHES, INK, LINES, SOFT, draw_figure, shorten

# If there are more curves than this, they are drawn faintly, and only the worst are named.
MOST_NAMED_CURVES = 12
WORST_NAMED = 5
ONE_CURVE, MANY_CURVES = (4.7, 4.7), (9.6, 5.2)
"""Inches. report.html shows a picture of a single curve at a third of the page's width, so it needs larger text."""


def write_roc(labels: Integers, probabilities: Floats, class_names: Sequence[str], path: Path) -> None:
    """Draw the ROC curve of the positive class, or of each class against the rest.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.
        class_names: the k classes; of two, the second is the positive one.
        path: the PNG file. If all photos are of one class, it says that there is no curve.
    """
    curves = []
    for number, positive in drawable_classes(labels, len(class_names)):
        scores = probabilities[:, number]
        if is_many(probabilities) and (ranking := rank(labels, probabilities, number)):
            curves.append((ranking.auc, class_names[number], *ranking.roc()))
            continue
        false_positives, true_positives, _ = sklearn_metrics.roc_curve(positive, scores)
        area = float(sklearn_metrics.roc_auc_score(positive, scores))
        curves.append((area, class_names[number], false_positives, true_positives))
    with draw_figure(path, *(MANY_CURVES if len(curves) > 1 else ONE_CURVE)) as figure:
        axes = figure.add_subplot()
        square_axes(axes)
        axes.set_xlabel("false positive rate:\nshare of the other photos taken for the class")
        axes.set_ylabel("true positive rate: share of the class found")
        axes.set_title(curve_title("ROC", class_names))
        if curves:
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(0.62, 0.57, "guessing", color=SOFT, fontsize=9, rotation=45, ha="center", va="center")
        draw_curves(axes, curves, "AUC")
        if len(class_names) == 2 and curves:
            chosen = probabilities.argmax(axis=1) == 1
            mark_threshold(axes, chosen[labels == 0].mean(), chosen[labels == 1].mean())


def write_precision_recall(labels: Integers, probabilities: Floats, class_names: Sequence[str], path: Path) -> None:
    """Draw precision over recall of the positive class, or of each class against the rest.

    Takes the same arguments as `write_roc`. The area shown is the average precision; the dashed line is the result of
    guessing, the share of the class among the photos (only with two classes, as each class has its own share).
    """
    curves = []
    for number, positive in drawable_classes(labels, len(class_names)):
        scores = probabilities[:, number]
        if is_many(probabilities) and (ranking := rank(labels, probabilities, number)):
            curves.append((ranking.average_precision, class_names[number], *ranking.precision_recall()))
            continue
        precision, recall, _ = sklearn_metrics.precision_recall_curve(positive, scores)
        area = float(sklearn_metrics.average_precision_score(positive, scores))
        curves.append((area, class_names[number], recall, precision))
    with draw_figure(path, *(MANY_CURVES if len(curves) > 1 else ONE_CURVE)) as figure:
        axes = figure.add_subplot()
        square_axes(axes)
        axes.set_xlabel("recall: share of the class found")
        axes.set_ylabel("precision: share of the found that is right")
        axes.set_title(curve_title("Precision and recall", class_names))
        draw_curves(axes, curves, "AP", drawstyle="steps-post")
        if len(class_names) == 2 and curves:
            share = float((labels == 1).mean())
            axes.axhline(share, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(0.02, share + 0.012, "guessing", color=SOFT, fontsize=9, va="bottom")
            chosen = probabilities.argmax(axis=1) == 1
            if chosen.any():
                mark_threshold(axes, chosen[labels == 1].mean(), (labels[chosen] == 1).mean())


def drawable_classes(labels: Integers, num_classes: int) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield the classes to draw, each with its photos; a class with no photos, or with all of them, has no curve."""
    for number in [1] if num_classes == 2 else range(num_classes):
        positive = labels == number
        if positive.any() and not positive.all():
            yield number, positive


def curve_title(kind: str, class_names: Sequence[str]) -> str:
    """Return the title, which names the class of the curve."""
    if len(class_names) == 2:
        return f"{kind} of “{shorten(class_names[1], 24)}”"
    return f"{kind}, each class against the rest"


def square_axes(axes: Axes) -> None:
    """Set both axes to 0..1 with room for a curve that runs along the edge."""
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), aspect="equal")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))


def draw_curves(
    axes: Axes,
    curves: Sequence[tuple[float, str, Floats, Floats]],
    area_name: str,
    drawstyle: Literal["default", "steps-post"] = "default",
) -> None:
    """Draw the curves (area, class, x, y) with a legend, or a note if there are none."""
    if not curves:
        axes.text(
            0.5,
            0.5,
            "The test photos are all of one class:\nthere is no curve to draw.",
            ha="center",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 6},
        )
        return
    if len(curves) == 1:
        area, _, x, y = curves[0]
        axes.plot(x, y, color=BLUE, drawstyle=drawstyle)
        axes.text(0.97, 0.06, f"{area_name} {area:.3f}", fontsize=14, ha="right", color=BLUE)
        return
    ordered = sorted(curves, key=lambda curve: curve[0])
    named = ordered if len(curves) <= MOST_NAMED_CURVES else ordered[:WORST_NAMED]
    for _, _, x, y in ordered[len(named) :]:
        axes.plot(x, y, color=SOFT, linewidth=0.8, alpha=0.5, drawstyle=drawstyle)
    for place, (area, name, x, y) in enumerate(named):
        axes.plot(
            x,
            y,
            drawstyle=drawstyle,
            color=LINES[place % len(LINES)],
            linestyle=DASHES[place // len(LINES)],
            linewidth=1.6,
            label=f"{area:.3f}  {shorten(name, 24)}",
        )
    mean = float(np.mean([curve[0] for curve in curves]))
    title = f"{area_name} {mean:.3f} on average"
    if len(named) < len(curves):
        title += f"; the lowest {len(named)} of {len(curves)}:"
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        title=title,
        alignment="left",
        labelcolor=INK,
        handlelength=2.6,
    )


def mark_threshold(axes: Axes, x: float, y: float) -> None:
    """Mark the threshold the model uses: the class with the higher probability wins."""
    axes.plot(x, y, "o", color=BLUE, markersize=8, markeredgecolor="white", markeredgewidth=1.5, zorder=5)
    inward = -1 if x > 0.5 else 1
    axes.annotate(
        "as used (threshold 0.5)",
        (x, y),
        xytext=(inward * 12, -16),
        textcoords="offset points",
        ha="left" if inward > 0 else "right",
        fontsize=9,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
    )
