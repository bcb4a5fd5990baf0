"""Plot a search: the values of each trial, the importance of each parameter, and the best loss over the trials.

These are not optuna.visualization.matplotlib's plots, which cut off long labels and have no logarithmic axes.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from pawprint.base.tables import TableWriter
from pawprint.evaluation.style import BLUE, INK, ORANGE, SOFT, draw_figure
from pawprint.tuning.search_space import Range
from pawprint.tuning.study import TrialResult

_SPELLED = {"learning_rate": "learning rate", "weight_decay": "weight decay"}


def write_search(
    results: Sequence[TrialResult],
    *,
    space: Mapping[str, Range],
    importances: Mapping[str, float],
    winner: TrialResult,
    folder: Path,
) -> None:
    """Write trials.csv, parallel_coordinates.png, history.png and, if there are importances, importances.png.

    Args:
        results: all trials.
        space: the varied parameters.
        importances: share of each parameter; empty if unknown.
        winner: the best trial.
        folder: folder to create.
    """
    folder.mkdir(parents=True)
    write_trials(results, space, folder / "trials.csv")
    _draw_parallel_coordinates(results, space, winner, folder / "parallel_coordinates.png")
    _draw_history(results, winner, folder / "history.png")
    if importances:
        _draw_importances(importances, folder / "importances.png")


def write_trials(results: Sequence[TrialResult], names: Mapping[str, object], path: Path) -> None:
    """Write a table with a row for each trial."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = TableWriter(file)
        writer.writerow(["trial", "state", "validation_loss", *names, "run", "reason"])
        for one in results:
            values = [one.values.get(name, "") for name in names]
            writer.writerow(
                [one.number, one.state, "" if one.loss is None else one.loss, *values, one.run_id, one.reason]
            )


def _draw_parallel_coordinates(
    results: Sequence[TrialResult], space: Mapping[str, Range], winner: TrialResult, path: Path
) -> None:
    """Draw a line for each trial across an axis for each parameter; lower losses are darker, the winner is orange."""
    shown = [one for one in results if one.loss is not None and one.values]
    losses = [float(one.loss) for one in shown if one.loss is not None]
    # An outlier would make all other trials look alike, so it is drawn at the end of the axis.
    low, high = min(losses), _upper_end(losses)
    names = [*space, "loss"]
    colours = mpl.colormaps["viridis"]
    scale = Normalize(low, high)
    with draw_figure(path, 2.0 + 1.6 * len(names), 4.6) as figure:
        axes: Any = figure.add_subplot()
        for one in sorted(shown, key=lambda result: -float(result.loss or 0)):
            heights = [_place(one.values[name], space[name]) for name in space]
            heights.append(_share(min(float(one.loss or 0), high), low, high))
            best, pruned = one is winner, one.state == "pruned"
            axes.plot(
                range(len(names)),
                heights,
                color=ORANGE if best else colours(scale(min(float(one.loss or 0), high))),
                linewidth=3.2 if best else 1.3,
                alpha=1.0 if best else 0.45 if pruned else 0.85,
                linestyle=(0, (4, 2)) if pruned else "-",
                zorder=5 if best else 2,
            )
        for position, name in enumerate(names):
            axes.axvline(position, color=SOFT, linewidth=1, zorder=3)
            for height, text in _axis_labels(space.get(name), low, high, beyond=max(losses) > high):
                axes.annotate(
                    text,
                    (position, height),
                    xytext=(5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    color=INK,
                    zorder=6,
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.9},
                )
        axes.set_xticks(range(len(names)), [*(_spell(name) for name in space), "validation loss"], color=INK)
        axes.tick_params(axis="both", length=0, pad=8)
        axes.set_yticks([])
        axes.set_xlim(-0.15, len(names) - 1 + 0.45)
        axes.set_ylim(-0.06, 1.06)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        title = f"{len(shown)} trials; trial {winner.number}, the winner, in orange"
        if any(one.state == "pruned" for one in shown):
            title += "; ended early: dashed"
        axes.set_title(title)
        bar = figure.colorbar(ScalarMappable(scale, colours), ax=axes, pad=0.02, aspect=30)
        bar.set_label("validation loss")
        bar.outline.set_visible(False)


def _draw_history(results: Sequence[TrialResult], winner: TrialResult, path: Path) -> None:
    """Draw the loss of each trial in order, and the lowest so far."""
    finished = [(one.number, float(one.loss)) for one in results if one.state == "finished" and one.loss is not None]
    pruned = [(one.number, float(one.loss)) for one in results if one.state == "pruned" and one.loss is not None]
    top = _upper_end([loss for _, loss in finished])
    with draw_figure(path, 7.2, 4.0) as figure:
        axes: Any = figure.add_subplot()
        numbers, losses = zip(*finished, strict=True)
        axes.step(numbers, np.minimum.accumulate(losses), where="post", color=BLUE, label="best so far", zorder=2)
        axes.scatter(numbers, np.minimum(losses, top), color=BLUE, s=32, label="ran to its end", zorder=3)
        if pruned:
            numbers, losses = zip(*pruned, strict=True)
            axes.scatter(
                numbers,
                np.minimum(losses, top),
                facecolors="none",
                edgecolors=SOFT,
                s=32,
                label="ended early",
                zorder=3,
            )
        failed = [one.number for one in results if one.state == "failed"]
        if failed:
            axes.scatter(failed, [top] * len(failed), marker="x", color=SOFT, s=36, label="failed", zorder=3)
        axes.scatter([winner.number], [winner.loss], color=ORANGE, s=70, label="winner", zorder=4)
        axes.set_xlabel("trial")
        beyond = any(one.loss is not None and one.loss > top for one in results)
        axes.set_ylabel("validation loss" + (" (larger ones at the top)" if beyond else ""))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(0.04, 0.08)
        tried = sum(one.state != "interrupted" for one in results)
        axes.set_title(f"The best of {tried} trials is number {winner.number}, with {winner.loss:.4f}")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _draw_importances(importances: Mapping[str, float], path: Path) -> None:
    """Draw the importance of each parameter."""
    ordered = sorted(importances.items(), key=lambda item: item[1])
    with draw_figure(path, 6.4, 1.4 + 0.45 * len(ordered)) as figure:
        axes: Any = figure.add_subplot()
        bars = axes.barh([_spell(name) for name, _ in ordered], [share for _, share in ordered], color=BLUE, height=0.6)
        axes.bar_label(bars, [f"{share:.0%}".replace("%", " %") for _, share in ordered], padding=5, color=INK)
        axes.set_xlim(0, max(0.05, *importances.values()) * 1.15)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
        axes.set_title("How much each parameter counts (PED-ANOVA)")


def _spell(name: str) -> str:
    return _SPELLED.get(name, name)


def _upper_end(losses: Sequence[float]) -> float:
    """Return the upper end of the axis of losses: the largest loss, unless it is an outlier."""
    low, middle, high = min(losses), float(np.median(losses)), max(losses)
    return min(high, low + max(4 * (middle - low), 1e-9)) if middle > low else max(high, low + 1e-9)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _place(value: float, one: Range) -> float:
    """Return the position of a value on its axis, 0 to 1."""
    if one.log:
        return _share(math.log(value), math.log(one.low), math.log(one.high))
    return _share(value, one.low, one.high)


def _axis_labels(one: Range | None, low: float, high: float, *, beyond: bool) -> list[tuple[float, str]]:
    """Return positions and texts for both ends and the middle of an axis; of the axis of losses if `one` is None."""
    if one is None:
        marks = ("", "", "≥ " if beyond else "")
        return [(n / 2, f"{mark}{low + n / 2 * (high - low):.3f}") for n, mark in enumerate(marks)]
    if one.log:
        values = [one.low, math.sqrt(one.low * one.high), one.high]
    else:
        values = [one.low, (one.low + one.high) / 2, one.high]
    return [(_place(value, one), f"{value:.2g}") for value in values]
