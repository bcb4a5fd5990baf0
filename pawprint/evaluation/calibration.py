"""Draw calibration.png: whether the model's confidence matches its accuracy."""

from pathlib import Path

import numpy as np

from pawprint.evaluation.bootstrap import (
    CALIBRATION_BINS,
    Floats,
    Integers,
    calibration_gaps,
    confidence_bins,
)
from pawprint.evaluation.style import BLUE, INK, ORANGE, SOFT, draw_figure


def write_calibration(labels: Integers, probabilities: Floats, path: Path) -> None:
    """Draw the reliability diagram: accuracy against confidence in each of the 15 bins of the ECE, and their counts.

    The gap between confidence and accuracy is hatched. Bins below 1/k are not drawn: the highest of k probabilities
    cannot be lower.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.
        path: the PNG file.
    """
    confidences = probabilities.max(axis=1)
    correct = (probabilities.argmax(axis=1) == labels).astype(float)
    places = confidence_bins(confidences)
    counts = np.bincount(places, minlength=CALIBRATION_BINS)
    filled = np.flatnonzero(counts)
    accuracy = np.bincount(places, correct, CALIBRATION_BINS)[filled] / counts[filled]
    confidence = np.bincount(places, confidences, CALIBRATION_BINS)[filled] / counts[filled]
    error = np.abs(calibration_gaps(labels, probabilities).sum(axis=1)).sum() / len(labels)
    width = 1 / CALIBRATION_BINS
    middles = (filled + 0.5) * width
    lowest = int(confidence_bins(np.array([1 / probabilities.shape[1]]))[0]) * width

    with draw_figure(path, 4.9, 4.9) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        upper.bar(middles, accuracy, width * 0.92, color=BLUE, alpha=0.6, label="share that was right")
        upper.bar(
            middles,
            confidence - accuracy,
            width * 0.92,
            bottom=accuracy,
            facecolor="none",
            edgecolor=ORANGE,
            linewidth=1.2,
            hatch="////",
            label="gap to what the model said",
        )
        upper.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
        upper.set(ylim=(0, 1.02), ylabel="share that was right")
        upper.set_title(f"Expected calibration error {error:.3f}", pad=34)
        upper.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, borderaxespad=0.2, columnspacing=1.4)

        tallest = counts.max()
        size = 8 if len(filled) < 10 else 6.5
        lower.bar(middles, counts[filled], width * 0.92, color=SOFT, alpha=0.7)
        for middle, count in zip(middles, counts[filled], strict=True):
            lower.text(middle, count + 0.03 * tallest, f"{count:,}", ha="center", va="bottom", fontsize=size)
        lower.set(xlim=(lowest, 1.0), ylim=(0, 1.22 * tallest), ylabel="photos")
        lower.set_xlabel("confidence: probability of the predicted class")
        lower.grid(visible=False, axis="x")
        lower.locator_params(axis="y", nbins=3, integer=True)
        figure.align_ylabels()
