"""Any colours to sRGB: what is transparent laid on a ground that shows it, and colour profiles applied."""

import io
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

VISIBLE = 32
"""Alpha, of 255, from which a pixel is looked at."""
NEARLY_WHITE = 224
"""From which, in each of red, green and blue, a pixel is hard to see on white."""
MOST = 0.95
"""Share of a photo's visible pixels that are nearly white where it is laid on black."""

MAX_PROFILE_BYTES = 4 * 2**20
"""A printer's profile has half a megabyte, a large one two."""
LIKE_SRGB = 4
"""Levels, of 255, by which a profile may change colours that are sRGB and still be taken for sRGB, which it is not."""
PROFILE_MODES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}
"""The colour spaces of profiles that are applied, and the modes of pixels they apply to."""


def choose_ground(layers: Iterable[Image.Image]) -> str:
    """Return what a photo with transparency is laid on: white, or black where on white nothing would be seen.

    Args:
        layers: the photo in RGBA, whole or in bands.
    """
    visible = nearly_white = 0
    for layer in layers:
        red, green, blue, alpha = layer.split()
        darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
        counts = darkest.histogram(alpha.point(lambda value: 255 * (value >= VISIBLE)))
        visible += sum(counts)
        nearly_white += sum(counts[NEARLY_WHITE:])
    return "black" if visible and nearly_white >= MOST * visible else "white"


def lay_on(layer: Image.Image, ground: str) -> Image.Image:
    """Return an RGBA layer on a ground, in RGB."""
    return Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB")


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode RGB or CMYK in sRGB, by its profile if it has one that applies."""
    found = _build_transform(bytes(profile)) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    if found is not None:
        mode, transform = found
        if mode == "L" and image.mode == "RGB":  # a grey photo, of three equal channels by now
            return _apply(transform, image.getchannel(0))
        if mode == image.mode:
            return _apply(transform, image)
    return image.convert("RGB")


def takes_cmyk(profile: bytes | None) -> bool:
    """Return whether a profile says what a photo's cyan, magenta, yellow and black look like."""
    found = _build_transform(bytes(profile)) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    return found is not None and found[0] == "CMYK"


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    return transform.apply(image)


@lru_cache(maxsize=16)
def _build_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """Return the mode that a profile applies to and the way to sRGB, or None: it is like sRGB, broken or another kind.

    A collection has few profiles, and building a transform takes as long as decoding a photo.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = PROFILE_MODES.get(opened.profile.xcolor_space)
        if mode is None or opened.profile.device_class not in {"mntr", "scnr", "prtr", "spac"}:
            return None
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB")
        samples = _draw_samples().convert(mode)
        changed = np.asarray(_apply(transform, samples)).astype(int) - np.asarray(samples.convert("RGB"))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if np.abs(changed).max() <= LIKE_SRGB else (mode, transform)


def _draw_samples() -> Image.Image:
    """Return an image of 9 x 9 x 9 colours, evenly spaced."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3))
