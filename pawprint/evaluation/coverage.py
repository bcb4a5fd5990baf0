"""Draw coverage.png: what is right if the least sure photos are left to a person."""

from pathlib import Path

import numpy as np

from pawprint.evaluation.bootstrap import Floats, Integers, selective_risks
from pawprint.evaluation.selective import Selection
from pawprint.evaluation.slices import wilson_interval
from pawprint.evaluation.style import BLUE, INK, ORANGE, draw_figure, percent

MOST_POINTS = 200
"""Most points at which the interval is computed."""


def write_coverage(labels: Integers, probabilities: Floats, selection: Selection | None, path: Path) -> None:
    """Draw the accuracy on the surest photos over their share, with its interval, and the chosen confidence.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.
        selection: which answers are left to a person; None if there were no validation photos to choose it.
        path: the PNG file.
    """
    wrong, confidences = probabilities.argmax(axis=1) != labels, probabilities.max(axis=1)
    right = 1 - selective_risks(wrong, confidences, np.ones((len(labels), 1)))[:, 0]
    sizes = np.arange(1, len(labels) + 1)
    points = np.unique(np.linspace(1, len(labels), MOST_POINTS).astype(int))
    bounds = np.array([wilson_interval(round(right[size - 1] * size), size) for size in points])
    with draw_figure(path, 7.6, 4.4) as figure:
        axes = figure.add_subplot()
        axes.fill_between(points / len(labels), *bounds.T, color=BLUE, alpha=0.13, linewidth=0, label="95 % interval")
        # A line of one photo would be invisible.
        axes.plot(sizes / len(labels), right, color=BLUE, marker="." if len(labels) < 15 else "", label="test photos")
        lowest = min(1 - wrong.mean(), right[len(right) // 3 :].min())
        bottom = max(0.0, np.floor(20 * (lowest - (1 - lowest) / 2) - 0.4) / 20)
        if selection and selection.test.answered:
            test = selection.test
            share, accuracy = test.answered / test.photos, 1 - test.wrong / test.answered
            axes.plot(
                share, accuracy, "o", color=ORANGE, markersize=9, markeredgecolor="white", zorder=5, clip_on=False
            )
            axes.annotate(
                f"as chosen on the validation photos:\n{percent(share)} answered, {percent(accuracy)} of them right",
                (share, accuracy),
                xytext=(0.5, 0.1),
                textcoords="axes fraction",
                ha="center",
                va="bottom",
                fontsize=9.5,
                color=INK,
                arrowprops={"arrowstyle": "-", "color": ORANGE, "shrinkB": 6},
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2, "alpha": 0.85},
            )
        axes.set(xlim=(0, 1.005), ylim=(bottom, 1 + (1 - bottom) / 25), ylabel="share of the answers that is right")
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
        axes.set_xlabel("share of the photos that it answers, the surest first; a person gets the rest")
        axes.set_title("What is right if the least sure are left to a person")
