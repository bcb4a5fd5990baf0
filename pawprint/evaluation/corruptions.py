"""Corrupt photos: blur, noise, too little or too much light, and JPEG compression, each in three strengths.

The kinds and the idea are those of ImageNet-C (Hendrycks and Dietterich 2019, Benchmarking Neural Network Robustness
to Common Corruptions and Perturbations); the strengths are our own, for photos of 100 to 300 pixels a side.
"""

import io
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from pawprint.dataset.decode import decode_photo

Photo = npt.NDArray[np.uint8]
LEVELS = ("mild", "medium", "heavy")
STRENGTHS = MappingProxyType(
    {
        "blur": (0.005, 0.01, 0.02),
        "noise": (0.04, 0.08, 0.16),
        "darkness": (0.7, 0.45, 0.25),
        "jpeg": (30, 15, 7),
    }
)
"""For each of `LEVELS`: the radius of the blur as a share of the photo's side, the standard deviation of the noise as a
share of white, the factor for every pixel, and the JPEG quality."""


def corrupt_photo(photo: Photo, kind: str, strength: float, rng: np.random.Generator) -> Photo:
    """Return a photo as a worse camera, worse light or stronger compression would have made it.

    Args:
        photo: [side, side, 3].
        kind: one of `STRENGTHS`.
        strength: as described there.
        rng: random generator of the noise; the other kinds do not use it.
    """
    return _KINDS[kind](photo, strength, rng)


def _blur(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:  # noqa: ARG001 - as every kind is called
    blurred = Image.fromarray(photo).filter(ImageFilter.GaussianBlur(strength * photo.shape[0]))
    return np.asarray(blurred)


def _add_noise(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:
    noisy = photo + 255 * strength * rng.standard_normal(photo.shape, dtype=np.float32)
    rounded: Photo = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return rounded


def _darken(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:  # noqa: ARG001 - as above
    darker: Photo = np.rint(photo * np.float32(strength)).astype(np.uint8)
    return darker


def _compress(photo: Photo, strength: float, rng: np.random.Generator) -> Photo:  # noqa: ARG001 - as above
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=int(strength))
    return decode_photo(buffer.getvalue(), photo.shape[0])


_KINDS: dict[str, Callable[[Photo, float, np.random.Generator], Photo]] = {
    "blur": _blur,
    "noise": _add_noise,
    "darkness": _darken,
    "jpeg": _compress,
}
