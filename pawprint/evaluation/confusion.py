"""Draw confusion_matrix.png: which classes the model confuses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from pawprint.evaluation.style import BLUE, INK, SOFT, draw_figure, percent, shorten

MOST_CLASSES = 25
"""Most classes drawn: of more, nobody could read the numbers, and nearly all would be 0."""


def write_confusion_matrix(confusion: Sequence[Sequence[int]], class_names: Sequence[str], path: Path) -> None:
    """Draw the matrix: each cell coloured by its share of the true class, with its count.

    Of many classes, only those of the most confused pairs are drawn; confused_pairs.csv has all.

    Args:
        confusion: [k][k] numbers of photos, rows true, columns predicted.
        class_names: the k classes.
        path: the PNG file.
    """
    counts = np.asarray(confusion)
    num_classes = len(counts)
    correct, photos = int(np.trace(counts)), int(counts.sum())
    title = f"{correct:,} of {photos:,} photos right ({percent(correct / photos)})"
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    if num_classes > MOST_CLASSES:
        shown = choose_confused(counts, MOST_CLASSES)
        counts, shares = counts[np.ix_(shown, shown)], shares[np.ix_(shown, shown)]
        which = f"{len(shown)} most often taken for one another" if correct < photos else f"first {len(shown)}"
        title += f"\nof {num_classes:,} classes the {which}"
        class_names, num_classes = [class_names[at] for at in shown], len(shown)
    size = max(3.0 + 0.55 * num_classes, 4.6)
    with draw_figure(path, size + 1.2, size) as figure:
        axes = figure.add_subplot()
        picture = axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("calm", ["#f7f9fc", BLUE]), vmin=0, vmax=1)
        axes.set_title(title)
        label_axes(axes, class_names)
        write_counts(axes, counts, shares)
        bar = figure.colorbar(picture, ax=axes, shrink=0.75, aspect=24, pad=0.03)
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        bar.set_ticks([0, 0.5, 1], labels=["0 %", "50 %", "100 %"])


def choose_confused(counts: np.ndarray, number: int) -> list[int]:
    """Return at most `number` classes, in order: those of the pairs with the most mistakes, or the first without any.

    >>> choose_confused(np.array([[5, 0, 0, 3], [0, 5, 1, 0], [0, 0, 5, 0], [1, 0, 0, 5]]), 2)
    [0, 3]
    """
    mistakes = counts - np.diag(np.diag(counts))
    pairs = np.argwhere(np.triu(mistakes + mistakes.T))
    sizes = (mistakes + mistakes.T)[pairs[:, 0], pairs[:, 1]]
    chosen: dict[int, None] = {}
    for pair in pairs[np.argsort(-sizes, kind="stable")].tolist():
        if len(chosen.keys() | pair) <= number:
            chosen |= dict.fromkeys(pair)
    return sorted(chosen) or list(range(min(number, len(counts))))


def label_axes(axes: Axes, class_names: Sequence[str]) -> None:
    """Name rows and columns; many names are written smaller, many and long names slanted."""
    num_classes = len(class_names)
    size = 10 if num_classes <= 12 else 8
    names = [shorten(name, 24) for name in class_names]
    slanted = num_classes > 6 or max(map(len, names)) > 10
    axes.set_xticks(range(num_classes), names, fontsize=size)
    axes.set_yticks(range(num_classes), names, fontsize=size)
    if slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right")
            label.set_rotation_mode("anchor")
    axes.set_xlabel("predicted", labelpad=8)
    axes.set_ylabel("true", labelpad=8)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(num_classes - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(num_classes - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)


def write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    """Write each cell's count, and below it its share if the cells are large."""
    num_classes = len(counts)
    large = num_classes <= 6
    for row, column in np.ndindex(counts.shape):
        share = float(shares[row, column])
        colour = "white" if share > 0.55 else INK if counts[row, column] else SOFT
        axes.text(
            column,
            row - (0.08 if large else 0),
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            color=colour,
            fontsize=15 if large else 9 if num_classes <= 12 else 7,
        )
        if large and counts[row].sum():
            axes.text(column, row + 0.2, percent(share), ha="center", va="center", color=colour, fontsize=9)
