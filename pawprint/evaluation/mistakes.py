"""Draw mistakes.png: the wrongly predicted photos of which the model was most sure."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from pawprint.dataset.shards import Images
from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.style import GREEN, RED, SOFT, draw_figure, percent, shorten

MOST_MISTAKES = 16
MOST_CLOSE_CALLS = 8


def write_mistakes(
    labels: Integers,
    probabilities: Floats,
    class_names: Sequence[str],
    members: Sequence[str],
    images: Images,
    path: Path,
) -> None:
    """Draw up to 16 wrongly predicted photos, the most confident first, or the closest calls if none is wrong.

    Wrong labels, and kinds of photos the model does not know, show up here first.

    Args:
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.
        class_names: the k classes.
        members: [n] the photos' names in their archive.
        images: the photos; only those shown are read.
        path: the PNG file.
    """
    predictions = probabilities.argmax(axis=1)
    confidences = probabilities.max(axis=1)
    wrong = worst_mistakes(labels, probabilities)
    num_wrong = int((predictions != labels).sum())
    if num_wrong:
        shown, colour = wrong, RED
        heading = f"{num_wrong:,} of {len(labels):,} test photos labelled wrongly"
        if num_wrong > len(shown):
            heading += f"; the {len(shown)} it was surest of"
        elif num_wrong > 1:
            heading += ", the surest first"
    else:
        shown, colour = np.argsort(confidences, kind="stable")[:MOST_CLOSE_CALLS], GREEN
        photos = f"{len(labels):,} test photos" if len(labels) > 1 else "one test photo"
        heading = f"No mistakes on {photos}; the closest calls:"
    columns = min(4, max(2, len(shown)))  # a single photo is placed below its heading, not in the middle
    rows = math.ceil(len(shown) / columns)
    pictures = images[np.asarray(shown, dtype=np.int64)]
    with draw_figure(path, max(2.5 * columns, 6.0), 3.1 * rows + 0.6) as figure:
        figure.suptitle(heading, x=0.02, ha="left", fontsize=13)
        for place, (photo, picture) in enumerate(zip(shown, pictures, strict=True)):
            axes = figure.add_subplot(rows, columns, place + 1)
            frame_photo(axes, picture, colour)
            axes.set_title(
                f"“{shorten(class_names[predictions[photo]], 18)}”  {percent(confidences[photo])}",
                fontsize=10,
                color=colour,
                loc="center",
                pad=5,
            )
            axes.set_xlabel(f"is {shorten(class_names[labels[photo]], 22)}\n", fontsize=9, labelpad=4)
            name_member(axes, members[photo], points=20)


def worst_mistakes(labels: Integers, probabilities: Floats, most: int = MOST_MISTAKES) -> Integers:
    """Choose the wrongly predicted photos with the highest confidence, in that order; ties keep the given order.

    Returns:
        [m] places in `labels`, m at most `most`.
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidences = probabilities[wrong].max(axis=1)
    worst: Integers = wrong[np.argsort(-confidences, kind="stable")][:most]
    return worst


def frame_photo(axes: Axes, picture: np.ndarray, colour: str) -> None:
    """Show a photo with a coloured frame and no ticks."""
    axes.imshow(picture)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=colour, linewidth=2)


def name_member(axes: Axes, member: str, *, points: float) -> None:
    """Write a photo's name below it, small.

    Args:
        axes: the axes of the photo.
        member: the photo's name in its archive.
        points: the distance below the photo.
    """
    axes.annotate(
        short_member(member),
        (0.5, 0),
        xycoords="axes fraction",
        xytext=(0, -points),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=7.5,
        color=SOFT,
    )


def short_member(member: str) -> str:
    """Return the end of a member's name, which is what differs between photos.

    >>> short_member("test_set/test_set/cats/cat.4001.jpg")
    'cats/cat.4001.jpg'
    """
    return shorten("/".join(member.split("/")[-2:]), 30)
