"""The decoding of a collection: how its photos become squares; decided once, stored with the dataset and its models."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FITS = ("crop", "pad", "squash")
"""How to make a photo square: `crop` to its middle, `pad` with grey bars, or `squash` by distorting it."""

Range = tuple[float, float]
"""The values that become black and white."""


@dataclass(frozen=True)
class Decoding:
    """The settings of `decode_photo` for a collection; the defaults are the usual ones.

    Attributes:
        fit: one of `FITS`.
        integers: the range of 16- or 32-bit pixels in files that state none. None: 0 to 65,535, or 0 to 255 if a photo
            has no larger value.
        floats: the range of floating-point pixels. None: such photos are not read, as their brightness is undefined.
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
        """Return the settings as JSON values.

        >>> Decoding("pad", integers=(0, 4095)).describe()
        {'fit': 'pad', 'integers': [0, 4095], 'floats': None}
        """
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


USUAL = Decoding()
"""The decoding of datasets and models that store none, such as those written before decodings were stored."""


def read_decoding(description: Mapping[str, Any]) -> Decoding:
    """Return the decoding in a dataset.json or a model.json, or the usual one if there is none.

    >>> read_decoding({"decoding": {"fit": "pad", "integers": [0, 4095], "floats": None}}).integers
    (0.0, 4095.0)
    >>> read_decoding({}) == USUAL
    True

    Raises:
        ValueError, TypeError, KeyError: the value was not written by `describe`.
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
