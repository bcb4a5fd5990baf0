"""How a collection's photos become squares, decided once and kept with its dataset and with each model of it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FITS = ("crop", "pad", "squash")
"""How a photo that is no square becomes one: by its middle, or whole, between grey bars or distorted."""

Range = tuple[float, float]
"""The values that become black and white."""


@dataclass(frozen=True)
class Decoding:
    """What `decode_photo` has to know beside the photo and the side; the defaults are what is done without it.

    Attributes:
        fit: one of `FITS`.
        integers: the range of pixels of 16 or 32 bits whose file states none. None: 0 to 65,535, or 0 to 255 where a
            photo holds no larger value.
        floats: that of floating-point pixels. None: these are not read, since they have no agreed brightness.
    """

    fit: str = "crop"
    integers: Range | None = None
    floats: Range | None = None

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise ValueError(f"fit is {self.fit!r}, not one of {', '.join(FITS)}")
        for low, high in filter(None, (self.integers, self.floats)):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"{low} to {high} is no range of brightness")

    def describe(self) -> dict[str, Any]:
        """Return what JSON can hold.

        >>> Decoding("pad", integers=(0, 4095)).describe()
        {'fit': 'pad', 'integers': [0, 4095], 'floats': None}
        """
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


USUAL = Decoding()
"""How photos were decoded before datasets and models said it, and how those without a word of it still are."""


def read_decoding(description: Mapping[str, Any]) -> Decoding:
    """Return the decoding that a dataset.json or a model.json holds, or the usual one.

    >>> read_decoding({"decoding": {"fit": "pad", "integers": [0, 4095], "floats": None}}).integers
    (0.0, 4095.0)
    >>> read_decoding({}) == USUAL
    True

    Raises:
        ValueError, TypeError, KeyError: it is none that `describe` wrote.
    """
    if "decoding" not in description:
        return USUAL
    written = description["decoding"]
    return Decoding(
        written["fit"], **{name: _read_range(written[name]) for name in ("integers", "floats") if written[name]}
    )


def _read_range(pair: Any) -> Range:
    low, high = pair
    return float(low), float(high)
