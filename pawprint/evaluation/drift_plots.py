"""Draw drift.png: what has changed between the photos that a model learned from and new ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from pawprint.evaluation.drift import Change
from pawprint.evaluation.style import BLUE, ORANGE, draw_figure, shorten
from pawprint.models.kind import Kind

MOST_CLASSES = 8
"""Classes shown, those whose share has changed most."""
_BINS = 25


def draw_drift(changes: Sequence[Change], known: Kind, new: Kind, class_names: Sequence[str], path: Path) -> None:
    """Draw each trait's distribution, and the shares of the classes, before and now; what counts is marked.

    Args:
        changes: from `find_changes`, not empty.
        known: the photos that the model learned from.
        new: the new photos.
        class_names: the classes.
        path: the PNG file.
    """
    shown = [one for one in changes if one.what != "unlike"]
    columns = 3
    rows = -(-len(shown) // columns)
    with draw_figure(path, 4 * columns, 3.1 * rows) as figure:
        for at, change in enumerate(shown):
            axes = figure.add_subplot(rows, columns, at + 1)
            if change.what == "classes":
                _draw_classes(axes, known, new, class_names)
            else:
                _draw_trait(axes, change.what, known, new)
            axes.set_title(f"{change.what}: {'changed' if change.counts else 'as before'}")
            if at == 0:
                axes.legend()


def _draw_trait(axes: Axes, name: str, known: Kind, new: Kind) -> None:
    values = known.traits[name], new.traits[name]
    low, high = np.quantile(np.concatenate(values), [0.005, 0.995])
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    for data, colour, label in zip(values, (BLUE, ORANGE), ("learned from", "these photos"), strict=True):
        counts = np.histogram(np.clip(data, edges[0], edges[-1]), edges)[0]
        axes.stairs(counts / max(1, len(data)), edges, color=colour, label=label, fill=True, alpha=0.25)
        axes.stairs(counts / max(1, len(data)), edges, color=colour, linewidth=1.6)
    axes.set_ylabel("share of the photos")


def _draw_classes(axes: Axes, known: Kind, new: Kind, class_names: Sequence[str]) -> None:
    shares = [one.predicted / max(1, one.predicted.sum()) for one in (known, new)]
    most = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")[:MOST_CLASSES]
    places = np.arange(len(most))
    for offset, share, colour in zip((-0.2, 0.2), shares, (BLUE, ORANGE), strict=True):
        axes.barh(places + offset, share[most], height=0.38, color=colour)
    axes.set_yticks(places, [shorten(class_names[at], 16) for at in most])
    axes.invert_yaxis()
    axes.set_xlabel("share of the answers")
