"""Draw preview.png: some photos of each class and split as the network will see them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pawprint.dataset.fonts import draw_text, fit_text, measure_text

_TILE = 96
_GAP = 4
_COLUMNS = 10
_TITLE = 30
MAX_CLASSES = 12
_LONGEST_LABEL = 420
_INK = "#222222"


def write_preview(path: Path, photos: Mapping[str, Sequence[tuple[str, npt.NDArray[np.uint8]]]]) -> None:
    """Draw a row of up to ten photos for each class, below a heading for each split.

    Args:
        path: the PNG to write.
        photos: split -> (class name, uint8 `[side, side, 3]`). Of more than twelve classes, the first twelve are drawn.
    """
    rows: list[tuple[str, str, list[npt.NDArray[np.uint8]]]] = []
    for split, labelled in photos.items():
        by_class: dict[str, list[npt.NDArray[np.uint8]]] = defaultdict(list)
        for label, pixels in labelled:
            by_class[label].append(pixels)
        rows += [
            (split, fit_text(label, size=13, width=_LONGEST_LABEL), by_class[label][:_COLUMNS])
            for label in sorted(by_class)[:MAX_CLASSES]
        ]
    labels = int(max(measure_text(label, 13) for _, label, _ in rows)) + 3 * _GAP
    width = labels + _COLUMNS * (_TILE + _GAP) + _GAP
    splits = len({split for split, _, _ in rows})
    canvas = Image.new("RGB", (width, splits * _TITLE + len(rows) * (_TILE + _GAP) + _GAP), "white")
    draw = ImageDraw.Draw(canvas)
    y = 0
    current = None
    for split, label, tiles in rows:
        if split != current:
            draw_text(draw, (_GAP, y + _TITLE / 2), split, size=15, fill=_INK, anchor="lm")
            y += _TITLE
            current = split
        draw_text(draw, (_GAP, y + _TILE / 2), label, size=13, fill=_INK, anchor="lm")
        for column, pixels in enumerate(tiles):
            tile = Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            canvas.paste(tile, (labels + column * (_TILE + _GAP), y))
        y += _TILE + _GAP
    canvas.save(path)
