"""Transparent and wide-gamut photos show what their makers saw."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw

from pawprint.dataset.decode import decode_photo

D50 = (0.9642, 1.0, 0.8249)
# Red, green and blue of each space as XYZ under D50, as its profile holds them.
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))


def build_profile(primaries: tuple[tuple[float, ...], ...], gamma: float = 2.2, *, space: bytes = b"RGB ") -> bytes:
    """A display's ICC profile of three primaries and one exponent."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)}
    for tag, place in {b"wtpt": D50, **dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True))}.items():
        tags[tag] = b"XYZ " + bytes(4) + b"".join(map(number, place))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC", b"kTRC"), curve)
    at, table, body = 132 + 12 * len(tags), b"", b""
    for tag, content in tags.items():
        table += tag + struct.pack(">2I", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4s4s4s4s4s", at + len(body), bytes(4), b"\2\x40\0\0", b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(map(number, D50)) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def colour_of(data: bytes) -> list[int]:
    (colour,) = np.unique(decode_photo(data, 16).reshape(-1, 3), axis=0).tolist()
    return colour


def to_srgb(colour: tuple[int, ...], primaries: tuple[tuple[float, ...], ...], gamma: float = 2.2) -> list[int]:
    """The same by the textbook: linear light, through XYZ, to sRGB's own curve."""
    linear = np.linalg.inv(np.array(SRGB).T) @ np.array(primaries).T @ (np.array(colour) / 255) ** gamma
    linear = linear.clip(0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * curved).astype(int).tolist()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB], ids=["display-p3", "adobe-rgb"])
def test_wide_gamut_photos_are_converted_to_srgb(kind: str, primaries: tuple[tuple[float, ...], ...]) -> None:
    colour = (180, 90, 60)
    options: dict[str, object] = {"quality": 100} if kind in {"JPEG", "WEBP", "AVIF"} else {}
    data = encode(Image.new("RGB", (40, 30), colour), kind, icc_profile=build_profile(primaries), **options)
    expected = to_srgb(colour, primaries)
    assert np.abs(np.subtract(expected, colour)).max() > 8
    assert np.abs(np.subtract(colour_of(data), expected)).max() <= 3


def test_a_profile_like_srgb_changes_no_pixel() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    plain = decode_photo(encode(noise), 16)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decode_photo(encode(noise, icc_profile=profile), 16), plain)


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        build_profile(DISPLAY_P3)[:300],
        build_profile(DISPLAY_P3, space=b"CMYK"),
        build_profile(DISPLAY_P3, space=b"Lab "),
        build_profile(DISPLAY_P3)[:128] + b"\xff" * 400,
        bytes(5 * 2**20),
    ],
)
def test_a_broken_profile_or_one_of_something_else_is_ignored(profile: bytes) -> None:
    data = encode(Image.new("RGB", (40, 30), (180, 90, 60)), "TIFF", icc_profile=profile)
    assert colour_of(data) == [180, 90, 60]


def test_a_grey_profile_is_applied() -> None:
    data = encode(Image.new("L", (40, 30), 100), icc_profile=build_profile(SRGB, 1.0, space=b"GRAY"))
    assert np.abs(np.subtract(colour_of(data), to_srgb((100, 100, 100), SRGB, 1.0))).max() <= 3


def test_a_cmyk_photo_without_a_profile_is_read_as_before() -> None:
    assert colour_of(encode(Image.new("CMYK", (40, 30), (0, 255, 255, 0)), "TIFF")) == [255, 0, 0]


def draw_on_nothing(colour: tuple[int, ...], size: int = 64) -> Image.Image:
    layer = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    ImageDraw.Draw(layer).ellipse((size // 8, size // 8, size - size // 8, size - size // 8), outline=colour, width=4)
    return layer


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("colour", [(255, 255, 255, 255), (250, 245, 240, 255), (0, 0, 0, 255), (255, 240, 0, 255)])
def test_a_drawing_on_transparency_is_seen(kind: str, colour: tuple[int, ...]) -> None:
    pixels = decode_photo(encode(draw_on_nothing(colour), kind), 32).astype(int)
    assert pixels.max(axis=(0, 1)).max() - pixels.min(axis=(0, 1)).min() > 200


def test_a_photo_cut_out_is_laid_on_white_as_ever() -> None:
    layer = draw_on_nothing((255, 255, 255, 255))
    ImageDraw.Draw(layer).rectangle((28, 28, 40, 40), fill=(90, 60, 30, 255))
    assert decode_photo(encode(layer), 32)[0, 0].tolist() == [255, 255, 255]


def test_a_palette_with_a_transparent_colour_is_looked_at_as_well() -> None:
    white = Image.new("P", (40, 40), 0)
    white.putpalette([0, 0, 0, 255, 255, 255])
    white.paste(1, (10, 10, 30, 30))
    assert np.ptp(decode_photo(encode(white, transparency=0), 16)) == 255


def test_a_large_drawing_is_laid_on_what_a_small_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawprint.dataset.decode.LARGE_PIXELS", 1000)
    monkeypatch.setattr("pawprint.dataset.decode._BAND_ROWS", 50)
    layer = draw_on_nothing((255, 255, 255, 255), 400)
    assert decode_photo(encode(layer), 32)[0, 0].tolist() == [0, 0, 0]
