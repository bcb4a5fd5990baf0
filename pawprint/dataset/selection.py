"""Select the photos to use: choose, decode, find near duplicates, and choose again until nothing changes.

Decoding affects the choice: an unreadable photo is replaced by the next one, and two photos of the same picture must
not be on different sides. So only the photos in use, and a few more, are ever decoded.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

from pawprint.base.errors import UserError
from pawprint.dataset.copies import Treatment, treat_near_duplicates
from pawprint.dataset.decode import UnreadablePhoto, decode_photo, open_header
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.dataset.likeness import Descriptor, Pixels, describe
from pawprint.dataset.near_duplicates import NearDuplicates
from pawprint.dataset.shards import PixelFile
from pawprint.dataset.splits import Candidate, LeftOut, explain_near_left_out

MAX_UNREADABLE = 0.05
"""Share of unreadable photos above which more must be wrong than a few bad files."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Selection:
    """The result of the selection."""

    chosen: dict[str, list[Candidate]]
    """The photos of each split."""
    rows: dict[str, int]
    """The row of each decoded photo's pixels, by member."""
    unreadable: list[LeftOut]
    near_left_out: list[LeftOut]
    """Near duplicates left out: of a photo on the other side of the split, or with two labels."""
    near: NearDuplicates
    treatment: Treatment


def select_photos(
    candidates: Sequence[Candidate],
    *,
    read: Callable[[str], bytes],
    pixels: PixelFile,
    pool: ThreadPoolExecutor,
    assign: Callable[[Sequence[Candidate], Sequence[frozenset[str]]], dict[str, list[Candidate]]],
    side: int,
    damaged: Sequence[LeftOut],
    near_duplicates: str,
    decoding: Decoding = USUAL,
) -> Selection:
    """Decode the chosen photos, and choose again without those that turn out unreadable or near duplicates.

    Args:
        candidates: photos without duplicates.
        read: returns a member's bytes.
        pixels: the file for the decoded squares.
        pool: the threads that decode.
        assign: chooses and divides, given the usable photos and the groups of near duplicates known so far.
        side: side of the squares in pixels.
        damaged: photos that could not be read from their archive.
        decoding: how a photo becomes a square.
        near_duplicates: `group`, `drop` or `off` (see `copies`).

    Raises:
        UserError: more than 5 % of the photos tried are unreadable.
    """

    def decode(member: str) -> tuple[Pixels, Descriptor, int] | LeftOut:
        data = read(member)
        try:
            square = decode_photo(data, side, decoding)
        except UnreadablePhoto as reason:
            return LeftOut(member, f"unreadable: {reason}")
        return square, describe(square), _measure_side(data, default=side)

    rows: dict[str, int] = {}
    unreadable = {left.member: left for left in damaged}
    near = NearDuplicates(pixels.read)
    while True:
        readable = [c for c in candidates if c.member not in unreadable]
        treatment = treat_near_duplicates(readable, near, near_duplicates)
        chosen = assign(treatment.usable, treatment.groups)
        pending = sorted(c.member for split in chosen.values() for c in split if c.member not in rows)
        if not pending:
            # Groups and choice agree: every chosen photo has been compared with every other.
            return Selection(
                chosen,
                rows,
                sorted(unreadable.values(), key=lambda left: left.member),
                sorted(
                    [*treatment.left_out, *explain_near_left_out(treatment.usable, chosen, treatment.groups)],
                    key=lambda left: left.member,
                ),
                near,
                treatment,
            )
        for member, result in zip(pending, map_in_order(pool, decode, pending, "decoding photos"), strict=True):
            if isinstance(result, LeftOut):
                unreadable[member] = result
            else:
                square, descriptor, edge = result
                rows[member] = pixels.append(square)
                if near_duplicates != "off":
                    near.add(member, descriptor, edge, place=rows[member])
        _check_unreadable(unreadable, tried=len(rows) + len(unreadable))
        near.search()


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], items: Sequence[_Item], label: str
) -> Iterator[_Result]:
    """Yield results in order, computed a few hundred at a time: `Executor.map` would hold all of a large folder."""
    remaining = iter(items)
    with tqdm(total=len(items), desc=label, unit="photo", disable=None, delay=2) as progress:
        while batch := list(islice(remaining, 256)):
            for result in pool.map(function, batch):
                progress.update()
                yield result


def _measure_side(data: bytes, *, default: int) -> int:
    """Return the shorter edge of a photo in pixels, from its header."""
    with contextlib.suppress(Exception), open_header(data) as image:  # without a readable header: large
        return min(image.size)
    return default


def _check_unreadable(unreadable: dict[str, LeftOut], *, tried: int) -> None:
    # A few bad files in a small folder prove nothing: five may fail before the share counts.
    if len(unreadable) > max(5, MAX_UNREADABLE * tried) or len(unreadable) == tried:
        examples = "; ".join(f"{left.member}: {left.reason}" for left in islice(unreadable.values(), 3))
        raise UserError(
            f"{len(unreadable)} of {tried} photos can't be read, more than {MAX_UNREADABLE:.0%}: {examples}. "
            "Mend or remove them, or check that the source holds photos"
        )
