"""Convert any colours to sRGB: put transparent pixels on a visible background, and apply colour profiles."""

import io
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

VISIBLE = 32
"""Alpha, of 255, from which a pixel counts as visible."""
NEARLY_WHITE = 224
"""Level of red, green and blue from which a pixel is hard to see on white."""
MOST = 0.95
"""Share of nearly white pixels, among the visible ones, from which a photo is put on black."""

MAX_PROFILE_BYTES = 4 * 2**20
"""A printer's profile has half a megabyte, a large one two."""
LIKE_SRGB = 4
"""Levels, of 255: a profile that changes sRGB colours by at most this is treated as sRGB and not applied."""
PROFILE_MODES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}
"""The colour spaces of profiles that are applied, and the pixel modes they apply to."""


def choose_ground(layers: Iterable[Image.Image]) -> str:
    """Return the background for a photo with transparency: white, or black if nothing would be visible on white.

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
    """Return an RGBA layer on a background, in RGB."""
    return Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB")


def convert_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode RGB or CMYK in sRGB, using its profile if it has a suitable one."""
    found = _build_transform(bytes(profile)) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    if found is not None:
        mode, transform = found
        if mode == "L" and image.mode == "RGB":  # a grey photo, which has three equal channels by now
            return _apply(transform, image.getchannel(0))
        if mode == image.mode:
            return _apply(transform, image)
    return image.convert("RGB")


def takes_cmyk(profile: bytes | None) -> bool:
    """Return whether a profile defines a photo's cyan, magenta, yellow and black."""
    found = _build_transform(bytes(profile)) if profile and len(profile) <= MAX_PROFILE_BYTES else None
    return found is not None and found[0] == "CMYK"


def _apply(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    return transform.apply(image)


@lru_cache(maxsize=16)
def _build_transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """Return the mode a profile applies to and its transform to sRGB; None if it equals sRGB, is broken or unsuitable.

    The result is cached: a collection has few profiles, and building a transform takes as long as decoding a photo.
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
