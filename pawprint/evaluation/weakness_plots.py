"""Draw slices.png and robustness.png: the photos on which the model is weaker, and the corruptions that make it so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pawprint.evaluation.corruptions import LEVELS, STRENGTHS
from pawprint.evaluation.robustness import Corrupted
from pawprint.evaluation.slices import Slice, by_trait, find_worst, wilson_interval
from pawprint.evaluation.style import BLUE, DASHES, INK, LINES, ORANGE, SOFT, draw_figure, percent, shorten

MOST_CLASSES = 12
"""Most classes drawn: the weakest ones; slices.csv has all."""
_SETTINGS = {
    "blur": "blur",
    "noise": "noise",
    "darkness": "darkness",
    "jpeg": "JPEG compression",
}


def draw_slices(slices: Sequence[Slice], accuracy: float, path: Path) -> None:
    """Draw each slice's accuracy with its interval, against that of all test photos; the worst in another colour.

    Args:
        slices: the result of `slice_accuracy`.
        accuracy: the accuracy on all test photos.
        path: the PNG file.
    """
    worst = find_worst(slices)
    shown, headers, ticks, row = [], [], [], 0
    for trait, all_of_it in by_trait(slices):
        many = len(all_of_it) > MOST_CLASSES
        headers.append((row, f"{trait}, the {MOST_CLASSES} weakest" if many else trait))
        row += 1
        for one in sorted(all_of_it, key=lambda one: one.interval[0])[:MOST_CLASSES] if many else all_of_it:
            shown.append(one)
            ticks.append(row)
            row += 1
    with draw_figure(path, 7.6, 0.27 * row + 1.6) as figure:
        axes = figure.add_subplot()
        for one, place in zip(shown, ticks, strict=True):
            low, high = one.interval
            colour = ORANGE if one is worst else BLUE
            axes.plot((low, high), (place, place), color=colour, linewidth=2, solid_capstyle="butt")
            axes.plot(one.accuracy, place, "o", color=colour, markersize=6)
            axes.annotate(
                f"{percent(one.accuracy)} of {one.photos:,}",
                (1.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8.5,
                color=INK,
                annotation_clip=False,
            )
        for place, trait in headers:
            axes.annotate(
                trait,
                (-0.02, place),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="center",
                fontsize=9.5,
                fontweight="bold",
                annotation_clip=False,
            )
        axes.axvline(accuracy, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            f"all {percent(accuracy)}",
            (accuracy, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=INK,
        )
        lowest = min((one.interval[0] for one in shown), default=0.0)
        axes.set(xlim=(max(0.0, np.floor(20 * lowest - 0.5) / 20), 1.005), ylim=(row - 0.4, -0.7))
        axes.set_yticks(ticks, [shorten(one.name, 24) for one in shown])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("share that was right, with its 95 % interval")
        axes.set_title(f"Accuracy on {len(slices)} slices of the test photos, the weakest in orange", pad=24)


def draw_robustness(measured: Sequence[Corrupted], path: Path) -> None:
    """Draw the accuracy by strength for each corruption; a band shows the interval for the original photos.

    Args:
        measured: the result of `measure_robustness`, the original photos first.
        path: the PNG file.
    """
    clean = measured[0]
    low, high = wilson_interval(clean.correct, clean.photos)
    with draw_figure(path, 7.2, 4.6) as figure:
        axes = figure.add_subplot()
        axes.axhspan(low, high, color=SOFT, alpha=0.15, linewidth=0, label="95 % interval, as they are")
        for number, kind in enumerate(STRENGTHS):
            line = [clean, *(one for one in measured if one.kind == kind)]
            axes.plot(
                range(len(line)),
                [one.accuracy for one in line],
                color=LINES[number],
                linestyle=DASHES[number % len(DASHES)],
                marker="os^D"[number % 4],
                markersize=6,
                label=_SETTINGS[kind],
            )
        lowest = min(low, *(one.accuracy for one in measured))
        axes.set(ylim=(max(0.0, np.floor(20 * lowest - 0.5) / 20), 1.01), ylabel="share that was right")
        axes.set_xticks(range(len(LEVELS) + 1), ["as they are", *LEVELS])
        axes.set_xlim(-0.1, len(LEVELS) + 0.1)
        axes.grid(visible=False, axis="x")
        photos = f"{clean.photos:,} test photos" if clean.photos > 1 else "one test photo"
        axes.set_title(f"What is left of the accuracy when {photos} get worse")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
