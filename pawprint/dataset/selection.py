"""Which photos are used: chosen, decoded, looked at for near duplicates, and chosen again until nothing changes.

What is decoded decides as well: a photo that can't be read is replaced by the next one, and of two that show the same
picture none may stand on the other side. So only the photos that are used, and a few more, are ever decoded.
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
"""Share of unreadable photos above which something other than a few bad files is wrong."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Selection:
    """What became of the candidates."""

    chosen: dict[str, list[Candidate]]
    """The photos of each split."""
    rows: dict[str, int]
    """Where each decoded photo's pixels are, by member."""
    unreadable: list[LeftOut]
    near_left_out: list[LeftOut]
    """Near duplicates that would stand on the other side of a split, or that stand under two labels."""
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
    """Decodes what is chosen, choosing again without the photos that turn out unreadable or near duplicates.

    Args:
        candidates: without duplicates.
        read: gives a member's bytes.
        pixels: where the decoded squares go.
        pool: decodes.
        assign: chooses and divides, given the usable photos and the groups of near duplicates known so far.
        side: of the squares, in pixels.
        damaged: what could not even be had out of its archive.
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
    near = NearDuplicates(lambda member: pixels.read(rows[member]))
    while True:
        readable = [c for c in candidates if c.member not in unreadable]
        treatment = treat_near_duplicates(readable, near, near_duplicates)
        chosen = assign(treatment.usable, treatment.groups)
        pending = sorted(c.member for split in chosen.values() for c in split if c.member not in rows)
        if not pending:
            # The groups and the choice agree: every chosen photo has been compared with every other.
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
                    near.add(member, descriptor, edge)
        _check_unreadable(unreadable, tried=len(rows) + len(unreadable))
        near.search()


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[_Item], _Result], items: Sequence[_Item], label: str
) -> Iterator[_Result]:
    """Maps in parallel, a few hundred at a time: `Executor.map` would hold every result of a large folder."""
    remaining = iter(items)
    with tqdm(total=len(items), desc=label, unit="photo", disable=None, delay=2) as progress:
        while batch := list(islice(remaining, 256)):
            for result in pool.map(function, batch):
                progress.update()
                yield result


def _measure_side(data: bytes, *, default: int) -> int:
    """Return the pixels of a photo's shorter edge, as its file says."""
    with contextlib.suppress(Exception), open_header(data) as image:  # what decodes otherwise is large
        return min(image.size)
    return default


def _check_unreadable(unreadable: dict[str, LeftOut], *, tried: int) -> None:
    # A handful of bad files in a small folder is no sign of anything: five may fail before the share counts.
    if len(unreadable) > max(5, MAX_UNREADABLE * tried) or len(unreadable) == tried:
        examples = "; ".join(f"{left.member}: {left.reason}" for left in islice(unreadable.values(), 3))
        raise UserError(
            f"{len(unreadable)} of {tried} photos can't be read, more than {MAX_UNREADABLE:.0%}: {examples}. "
            "Mend or remove them, or check that the source holds photos"
        )
