"""Select the photos to use: choose, decode, find near duplicates, and choose again until nothing changes.

Decoding affects the choice: an unreadable photo is replaced by the next one, and two photos of the same picture must
not be on different sides. So only the photos in use, and a few more, are ever decoded.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from tqdm import tqdm

from pawprint.base.errors import UserError
from pawprint.dataset.copies import Treatment, treat_near_duplicates
from pawprint.dataset.decode import UnreadablePhoto, decode_photo, open_header, upright_size
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.dataset.framing import cut_bars, needed_size
from pawprint.dataset.likeness import Descriptor, Pixels, describe
from pawprint.dataset.near_duplicates import NearDuplicates
from pawprint.dataset.shards import PixelFile
from pawprint.dataset.splits import Candidate, LeftOut, explain_near_left_out

MAX_UNREADABLE = 0.05
"""Share of unreadable photos above which more must be wrong than a few bad files."""

_DECODING = "decoding photos"

_Size = tuple[int, int]
"""Width and height in pixels."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Decoder:
    """Decodes photos into a file of pixels.

    Attributes:
        read: returns a member's bytes.
        pixels: the file for the decoded squares.
        pool: the threads that decode.
        side: side of the squares in pixels.
        decoding: how a photo becomes a square.
        rows: the row of each decoded photo's pixels, by member.
    """

    read: Callable[[str], bytes]
    pixels: PixelFile
    pool: ThreadPoolExecutor
    side: int
    decoding: Decoding = USUAL
    rows: dict[str, int] = field(default_factory=dict)

    def pixels_of(self, member: str) -> Pixels:
        """Return the pixels of a decoded photo."""
        return self.pixels.read(self.rows[member])

    def decode(self, members: Sequence[str], near: NearDuplicates | None) -> list[LeftOut]:
        """Decode photos, and add them to those that are compared; return those that can't be read."""
        failed = []
        for member, result in zip(members, map_in_order(self.pool, self._decode, members, _DECODING), strict=True):
            if isinstance(result, LeftOut):
                failed.append(result)
            else:
                square, descriptor, edge, inner = result
                self.rows[member] = self.pixels.append(square)
                if near is not None:
                    near.add(member, descriptor, edge, place=(self.rows[member], inner))
        return failed

    def _decode(self, member: str) -> tuple[Pixels, Descriptor, int, _Size] | LeftOut:
        """Return a photo's square, what it is compared by, its shorter edge, and its size between bars."""
        data = self.read(member)
        try:
            square = decode_photo(data, self.side, self.decoding)
        except UnreadablePhoto as reason:
            return LeftOut(member, f"unreadable: {reason}")
        size = _measure_size(data, default=(self.side, self.side))
        inner = needed_size(size, self.side, self.decoding.fit)
        return square, describe(cut_bars(square, inner)), min(size), inner


@dataclass(frozen=True)
class _WithoutBars:
    """Reads photos as they are compared: bars would make all long photos alike, and hide which show one scene."""

    pixels: PixelFile  # not the decoder, which keeps archives open

    def __call__(self, place: tuple[int, _Size]) -> Pixels:
        row, inner = place
        return cut_bars(self.pixels.read(row), inner)


@dataclass(frozen=True)
class Selection:
    """The result of the selection."""

    chosen: dict[str, list[Candidate]]
    """The photos of each split."""
    unreadable: list[LeftOut]
    near_left_out: list[LeftOut]
    """Near duplicates left out: of a photo on the other side of the split, or with two labels."""
    near: NearDuplicates
    treatment: Treatment


def select_photos(
    candidates: Sequence[Candidate],
    *,
    decoder: Decoder,
    assign: Callable[[Sequence[Candidate], Sequence[frozenset[str]]], dict[str, list[Candidate]]],
    damaged: Sequence[LeftOut],
    near_duplicates: str,
) -> Selection:
    """Decode the chosen photos, and choose again without those that turn out unreadable or near duplicates.

    Args:
        candidates: photos without duplicates.
        decoder: decodes the chosen photos.
        assign: chooses and divides, given the usable photos and the groups of near duplicates known so far.
        damaged: photos that could not be read from their archive.
        near_duplicates: `group`, `drop` or `off` (see `copies`).

    Raises:
        UserError: more than 5 % of the photos tried are unreadable.
    """
    unreadable = {left.member: left for left in damaged}
    rows = decoder.rows
    near = NearDuplicates(_WithoutBars(decoder.pixels))
    while True:
        readable = [c for c in candidates if c.member not in unreadable]
        treatment = treat_near_duplicates(readable, near, near_duplicates)
        chosen = assign(treatment.usable, treatment.groups)
        pending = sorted(c.member for split in chosen.values() for c in split if c.member not in rows)
        if not pending:
            # Groups and choice agree: every chosen photo has been compared with every other.
            return Selection(
                chosen,
                sorted(unreadable.values(), key=lambda left: left.member),
                sorted(
                    [*treatment.left_out, *explain_near_left_out(treatment.usable, chosen, treatment.groups)],
                    key=lambda left: left.member,
                ),
                near,
                treatment,
            )
        compared = None if near_duplicates == "off" else near
        unreadable |= {left.member: left for left in decoder.decode(pending, compared)}
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


def _measure_size(data: bytes, *, default: _Size) -> _Size:
    """Return the width and height of an upright photo in pixels, from its header."""
    with contextlib.suppress(Exception), open_header(data) as image:  # without a readable header: large
        return upright_size(image)
    return default


def _check_unreadable(unreadable: dict[str, LeftOut], *, tried: int) -> None:
    # A few bad files in a small folder prove nothing: five may fail before the share counts.
    if len(unreadable) > max(5, MAX_UNREADABLE * tried) or len(unreadable) == tried:
        examples = "; ".join(f"{left.member}: {left.reason}" for left in islice(unreadable.values(), 3))
        raise UserError(
            f"{len(unreadable)} of {tried} photos can't be read, more than {MAX_UNREADABLE:.0%}: {examples}. "
            "Mend or remove them, or check that the source holds photos"
        )
