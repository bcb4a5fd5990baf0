"""near_duplicates.csv and near_duplicates.png: the pairs of near duplicates that were found, for a person to judge."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from pawprint.dataset.fonts import draw_text, fit_text
from pawprint.dataset.likeness import Pixels
from pawprint.dataset.near_duplicates import NearDuplicate, NearDuplicates, order_by_gravity
from pawprint.dataset.splits import Candidate, LeftOut

MOST_SHOWN = 20
COLUMNS = (
    "group",
    "first",
    "first_label",
    "first_split",
    "second",
    "second_label",
    "second_split",
    "likeness",
    "mirrored",
)
_LEFT_OUT = "left out"
_TILE, _GAP, _TEXT = 112, 6, 470
_INK, _SOFT, _RED = "#222222", "#777777", "#c0413b"


def write_near_duplicates(
    folder: Path,
    near: NearDuplicates,
    candidates: Sequence[Candidate],
    chosen: Mapping[str, Sequence[Candidate]],
    read: Callable[[str], Pixels],
) -> int:
    """Writes the pairs that join photos to groups, the gravest first; the picture only if there are any.

    Args:
        folder: where to.
        near: what was found.
        candidates: all photos that were compared, or more.
        chosen: the photos of each split.
        read: gives a member's pixels.

    Returns:
        How many pairs there are.
    """
    labels = {c.member: c.label for c in candidates}
    splits = dict.fromkeys(labels, _LEFT_OUT) | {c.member: split for split, photos in chosen.items() for c in photos}
    groups = {member: number for number, members in enumerate(near.groups(), 1) for member in members}
    pairs = order_by_gravity((pair for pair in near.pairs if pair.first in groups), labels, splits)
    with (folder / "near_duplicates.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in pairs:
            sides = [
                value for member in (pair.first, pair.second) for value in (member, labels[member], splits[member])
            ]
            writer.writerow([groups[pair.first], *sides, f"{pair.likeness:.3f}", int(pair.mirrored)])
    if pairs:
        _draw_pairs(folder / "near_duplicates.png", pairs[:MOST_SHOWN], len(pairs), labels, splits, read)
    return len(pairs)


def describe_near_duplicates(near: NearDuplicates, left_out: Sequence[LeftOut]) -> list[str]:
    """Says in whole sentences what was found and what became of it; nothing where nothing was."""
    notes = []
    groups = near.groups()
    if groups:
        notes.append(
            f"{sum(map(len, groups))} photos are near duplicates of one another, in {len(groups)} "
            f"group{'s' * (len(groups) > 1)}, none of which stands on two sides of the split: "
            "near_duplicates.csv names them, near_duplicates.png shows them"
        )
    if left_out:
        notes.append(
            f"{len(left_out)} of them {'are' if len(left_out) > 1 else 'is'} left out, "
            "for standing on two sides or under two labels: quarantine.csv says which"
        )
    notes += [
        f"{len(group)} photos resemble each other so much that copies can't be told from them "
        "(a camera that never moved, or a pattern); they are divided like any others"
        for group in near.too_large()
    ]
    return notes


def _draw_pairs(
    path: Path,
    pairs: Sequence[NearDuplicate],
    number: int,
    labels: Mapping[str, str],
    splits: Mapping[str, str],
    read: Callable[[str], Pixels],
) -> None:
    row = _TILE + _GAP
    canvas = Image.new("RGB", (2 * row + _GAP + _TEXT, 34 + len(pairs) * row), "white")
    draw = ImageDraw.Draw(canvas)
    title = f"{number:,} pairs of near duplicates" if number > 1 else "One pair of near duplicates"
    title += f"; the first {len(pairs)}" if number > len(pairs) else ""
    draw_text(draw, (_GAP, 17), title, size=15, fill=_INK, anchor="lm")
    for place, pair in enumerate(pairs):
        y = 34 + place * row
        for column, member in enumerate((pair.first, pair.second)):
            tile = Image.fromarray(read(member)).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
            canvas.paste(tile, (_GAP + column * row, y))
            x = _GAP + 2 * row + _GAP
            text = fit_text(member, size=13, width=_TEXT - 2 * _GAP)
            draw_text(draw, (x, y + 8 + 38 * column), text, size=13, fill=_INK)
            about = fit_text(f"{labels[member]}, {splits[member]}", size=13, width=_TEXT - 2 * _GAP)
            other = pair.second if column == 0 else pair.first
            colour = _RED if labels[member] != labels[other] else _SOFT
            draw_text(draw, (x, y + 24 + 38 * column), about, size=13, fill=colour)
        likeness = f"likeness {pair.likeness:.2f}" + (", mirrored" if pair.mirrored else "")
        draw_text(draw, (x, y + 86), likeness, size=13, fill=_SOFT)
    canvas.save(path)
