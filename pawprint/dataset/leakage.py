"""Write near_duplicates.csv and near_duplicates.png: the pairs of near duplicates, for people to check."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from pawprint.base.tables import TableWriter
from pawprint.dataset.copies import order_by_gravity
from pawprint.dataset.fonts import draw_text, fit_text
from pawprint.dataset.likeness import Pixels
from pawprint.dataset.near_duplicates import NearDuplicate, NearDuplicates
from pawprint.dataset.selection import Selection
from pawprint.dataset.splits import Candidate

MOST_SHOWN = 20
MOST_LOST = 0.02
"""Share of a class's photos; if near duplicates remove more, the run reports it."""
MOST_NAMED = 3
"""Most classes whose losses are reported one by one."""
COLUMNS = (
    "group",
    "first",
    "first_label",
    "first_split",
    "second",
    "second_label",
    "second_split",
    "kind",
    "likeness",
    "difference",
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
    """Write the pairs that connect photos to groups, the most serious first; the picture only if there are pairs.

    Args:
        folder: the folder to write to.
        near: the near duplicates.
        candidates: all photos that were compared, or more.
        chosen: the photos of each split.
        read: returns a member's pixels.

    Returns:
        The number of pairs.
    """
    labels = {c.member: c.label for c in candidates}
    splits = dict.fromkeys(labels, _LEFT_OUT) | {c.member: split for split, photos in chosen.items() for c in photos}
    groups = {member: number for number, members in enumerate(near.groups(), 1) for member in members}
    pairs = order_by_gravity((pair for pair in near.pairs if pair.first in groups), labels, splits)
    with (folder / "near_duplicates.csv").open("w", newline="", encoding="utf-8") as file:
        writer = TableWriter(file)
        writer.writerow(COLUMNS)
        for pair in pairs:
            sides = [
                value for member in (pair.first, pair.second) for value in (member, labels[member], splits[member])
            ]
            measures = [pair.kinship, f"{pair.likeness:.3f}", f"{pair.difference:.3f}", int(pair.mirrored)]
            writer.writerow([groups[pair.first], *sides, *measures])
    if pairs:
        _draw_pairs(folder / "near_duplicates.png", pairs[:MOST_SHOWN], len(pairs), labels, splits, read)
    return len(pairs)


def describe_near_duplicates(selection: Selection, candidates: Sequence[Candidate], way: str) -> list[str]:
    """Return sentences about the near duplicates and what was done with them; none if there are no near duplicates.

    Args:
        selection: the chosen photos.
        candidates: all photos that could be chosen.
        way: `group`, `drop` or `off` (see `copies`).
    """
    if way == "off":
        return ["near duplicates were not looked for (near_duplicates=off): copies may stand on two sides of the split"]
    near, shared, left_out = selection.near, selection.treatment.shared, selection.near_left_out
    copies = near.copies()
    scenes = [group for group in near.groups() if group not in copies]
    notes = []
    if copies:
        notes.append(
            f"{sum(map(len, copies))} photos are copies of one another, in {_count(copies)}, none of which stands on "
            "two sides of the split: near_duplicates.csv names them, near_duplicates.png shows them"
        )
    if scenes:
        notes.append(
            f"{sum(map(len, scenes))} photos show the scene of another, in {_count(scenes)} "
            f"({_name_two(scenes[0])}): all stay" + ("" if shared else ", each scene on one side of the split")
        )
    if shared:
        notes.append(
            f"{_count(shared)} of one scene each ({_name_two(shared[0])}) are on two sides of the split, because the "
            "photos' own folders put them there; they stay, so the test says little about other scenes"
        )
    if left_out:
        notes.append(f"{len(left_out)} photos are left out as near duplicates: quarantine.csv says which, and of what")
    notes += [
        f"{len(group)} photos show one scene (such as {_name_two(group)}); they are divided like any others, so the "
        "test says little about other scenes"
        for group in near.too_large()
    ]
    return notes + _describe_losses(selection, candidates, way)


def _describe_losses(selection: Selection, candidates: Sequence[Candidate], way: str) -> list[str]:
    """Return a sentence for each class that lost more than `MOST_LOST` of its photos, and one for further ones."""
    label_of = {c.member: c.label for c in candidates}
    sizes = Counter(label_of.values())
    lost = Counter(label_of[left.member] for left in selection.near_left_out)
    much = [label for label, number in sorted(lost.items()) if number > MOST_LOST * sizes[label]]
    notes = [
        f"class {label!r} lost {lost[label]} of its {sizes[label]} photos as near duplicates: look at "
        f"near_duplicates.png; near_duplicates={way} decided, group keeps copies on one side of the split, drop keeps "
        "one of each, off keeps all"
        for label in much[:MOST_NAMED]
    ]
    if rest := much[MOST_NAMED:]:
        notes.append(f"{len(rest)} more classes lost over {MOST_LOST:.0%} of their photos like this: quarantine.csv")
    return notes


def _count(groups: Sequence[Collection[str]]) -> str:
    return f"{len(groups)} group{'s' * (len(groups) > 1)}"


def _name_two(group: Collection[str]) -> str:
    first, second = sorted(group)[:2]
    return f"{first} and {second}"


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
        likeness = f"{pair.kinship}, likeness {pair.likeness:.2f}" + (", mirrored" if pair.mirrored else "")
        draw_text(draw, (x, y + 86), likeness, size=13, fill=_SOFT)
    canvas.save(path)
