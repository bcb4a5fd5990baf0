"""Decide how all photos of a collection are decoded, from the shapes and values of its training photos.

This is decided once, before any photo is decoded, from training photos alone (test photos must not influence it). It is
stored with the dataset and its models, so that served photos are decoded in the same way.
"""

import math
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pawprint.archives.zips import UnreadableMemberError
from pawprint.dataset.brightness import is_deep, measure_values, stated_range
from pawprint.dataset.decode import UnreadablePhoto, open_photo, upright_size
from pawprint.dataset.decoding import Decoding, Range
from pawprint.dataset.splits import Candidate

SAMPLE = 256
"""Photos to examine, and as many of those that may have more than 8 bits."""

LONG = 2.0
"""Ratio of the sides of a photo that loses half of its area when it is cropped to its middle square."""

ALIKE = 1.1
"""Factor within which shapes count as equal: with the same distortion, photos can still be compared."""

ROUNDED = 6
"""Significant digits of a range of floating-point pixels."""

Shape = tuple[int, int]


@dataclass(frozen=True)
class Glimpse:
    """A photo's properties: its upright width and height and, for a deep one, its mode and value range."""

    shape: Shape
    mode: str = ""
    ends: npt.NDArray[np.float64] | None = None


def decide_decoding(
    training: Sequence[Candidate],
    *,
    read: Callable[[str], bytes],
    may_be_deep: Collection[str],
    fit: str,
    pool: ThreadPoolExecutor,
) -> tuple[Decoding, list[str]]:
    """Return how a collection's photos are decoded, with sentences for the user about anything unusual.

    Args:
        training: the training photos; a sample is chosen by their digests.
        read: returns a member's bytes.
        may_be_deep: members whose first bytes allow more than 8 bits a pixel.
        fit: one of `FITS`, or `auto` to choose by the shapes.
        pool: the threads that read the photos.
    """
    ordered = [candidate.member for candidate in sorted(training, key=lambda each: each.sha256)]
    members = ordered[:SAMPLE]
    deep = [member for member in ordered if member in may_be_deep][:SAMPLE]

    def look(member: str) -> Glimpse | None:
        try:
            return look_at(read(member))
        except (UnreadablePhoto, UnreadableMemberError):
            return None

    seen = dict(zip(members, pool.map(look, members), strict=True))
    rest = [member for member in deep if member not in seen]
    glimpses = [*(seen[member] for member in deep if member in seen), *pool.map(look, rest)]
    ends = {
        mode: np.array([each.ends for each in glimpses if each and each.mode == mode and each.ends is not None])
        for mode in ("integers", "floats")
    }
    chosen, notes = choose_fit([glimpse.shape for glimpse in seen.values() if glimpse], asked=fit)
    decoding = Decoding(chosen, choose_integers(ends["integers"]), choose_floats(ends["floats"]))
    return decoding, [*notes, *_describe_ranges(decoding)]


def look_at(data: bytes) -> Glimpse:
    """Return a photo's properties from its header, and its values if it is deep and states no range.

    Raises:
        UnreadablePhoto: the bytes are not a photo.
    """
    with open_photo(data) as image:
        size = upright_size(image)
        if not is_deep(image) or stated_range(image):
            return Glimpse(size)
        image.load()
        return Glimpse(size, "floats" if image.mode == "F" else "integers", measure_values(image))


def choose_fit(shapes: Sequence[Shape], *, asked: str = "auto") -> tuple[str, list[str]]:
    """Return the fit for photos of these shapes, and sentences for the user about it.

    Cropping to the middle loses a quarter of a 4:3 photo, and the ends of a 3:1 photo. If most photos are that long,
    they are kept whole: squashed if all have the same shape, so that no pixels are wasted on bars; otherwise padded, in
    proportion.

    >>> choose_fit([(400, 300), (300, 400), (1600, 900)])
    ('crop', [])
    >>> choose_fit([(300, 100)] * 9)[0], choose_fit([(300, 100), (100, 300), (400, 100)])[0]
    ('squash', 'pad')
    """
    if not shapes:
        return ("crop" if asked == "auto" else asked), []
    ratios = np.array([width / height for width, height in shapes])
    longer = np.maximum(ratios, 1 / ratios)
    usual = float(np.median(longer))
    if asked != "auto":
        fit = asked
    elif usual <= LONG:
        fit = "crop"
    else:
        alike = np.abs(np.log(ratios / np.median(ratios))) <= math.log(ALIKE)
        fit = "squash" if alike.mean() >= 0.9 else "pad"
        how = "distorted into the square" if fit == "squash" else "between grey bars"
        return fit, [
            f"fit={fit}: half of the photos are {usual:.1f} times as long as wide or longer, so all of each is kept, "
            f"{how}; fit=crop would keep the middle alone"
        ]
    share = float((longer > LONG).mean())
    if fit == "crop" and share >= 0.01:
        return fit, [
            f"fit=crop: {share:.0%} of the photos are more than twice as long as wide and lose their ends, more than "
            "half of each; fit=pad or fit=squash keeps them"
        ]
    return fit, []


def choose_integers(ends: npt.NDArray[np.float64]) -> Range | None:
    """Return the range of whole-number pixels, from each photo's ends [n, 2]; None if it makes no difference.

    >>> choose_integers(np.array([[0, 3900], [5, 4090], [2, 1000]]))
    (0, 4087)
    >>> choose_integers(np.array([[0, 255]])), choose_integers(np.array([[100, 65000]]))
    (None, None)
    """
    found = _bounds(ends)
    if found is None:
        return None
    low, high = math.floor(found[0]), math.ceil(found[1])
    eight_bits = low >= 0 and high <= 255
    full = low >= 0 and high <= 65535 and high - low > 65535 / 2
    return None if eight_bits or full else (low, high)


def choose_floats(ends: npt.NDArray[np.float64]) -> Range | None:
    """Return the range of floating-point pixels, from each photo's ends [n, 2]; None if there are no such photos.

    >>> choose_floats(np.array([[0.0, 0.25], [0.01, 0.5]]))
    (0.0001, 0.4975)
    """
    found = _bounds(ends)
    if found is None:
        return None
    low, high = (float(f"{value:.{ROUNDED}g}") for value in found)
    return (low, high) if low < high else None


def _bounds(ends: npt.NDArray[np.float64]) -> Range | None:
    """Return the range of all photos but the darkest and the brightest hundredth."""
    ends = ends.reshape(-1, 2)
    ends = ends[np.isfinite(ends).all(axis=1)]
    if not len(ends):
        return None
    low, high = float(np.percentile(ends[:, 0], 1)), float(np.percentile(ends[:, 1], 99))
    return (low, high) if low < high else None


def _describe_ranges(decoding: Decoding) -> list[str]:
    return [
        f"{kind} pixels: {limits[0]:,g} is black and {limits[1]:,g} is white, which is the range of the training photos"
        for kind, limits in (("16-bit", decoding.integers), ("floating-point", decoding.floats))
        if limits
    ]
