import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pawprint.dataset import decode
from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.decoding import Decoding
from pawprint.dataset.framing import BARS


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quadrants(width: int = 64, height: int = 64) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 255, 0, 0
    pixels[: height // 2, width // 2 :] = 0, 255, 0
    pixels[height // 2 :, : width // 2] = 0, 0, 255
    pixels[height // 2 :, width // 2 :] = 255, 255, 255
    return Image.fromarray(pixels)


def corners(pixels: np.ndarray) -> list[list[int]]:
    side = len(pixels)
    low, high = side // 8, side - side // 8
    return [(pixels[y, x] > 127).astype(int).tolist() for y in (low, high) for x in (low, high)]


RED, GREEN, BLUE, WHITE = [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]
# Where the four quadrants belong once the photo is upright, by EXIF orientation (EXIF 2.3).
UPRIGHT = {
    1: [RED, GREEN, BLUE, WHITE],
    2: [GREEN, RED, WHITE, BLUE],
    3: [WHITE, BLUE, GREEN, RED],
    4: [BLUE, WHITE, RED, GREEN],
    5: [RED, BLUE, GREEN, WHITE],
    6: [BLUE, RED, WHITE, GREEN],
    7: [WHITE, GREEN, BLUE, RED],
    8: [GREEN, WHITE, RED, BLUE],
}


# Pillow turns a TIFF itself when it loads it, and gives what an AVIF says of its own as an orientation.
KINDS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 95, "speed": 10},
    "TIFF": {},
    "TIFF deflated": {"compression": "tiff_adobe_deflate"},
    "TIFF by JPEG": {"compression": "jpeg"},
}


@pytest.mark.parametrize(
    ("kind", "fit"), [*((kind, "crop") for kind in KINDS), ("JPEG", "pad"), ("JPEG", "squash"), ("TIFF", "pad")]
)
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_photo_is_turned_upright(orientation: int, fit: str, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(quadrants(256, 200), kind.partition(" ")[0], exif=exif, **KINDS[kind])
    pixels = decode_photo(data, 32, Decoding(fit=fit))
    if fit == "pad":
        grey = (pixels == BARS).all(axis=-1)
        rows, columns = ~grey.all(axis=1), ~grey.all(axis=0)
        assert (rows.sum() > columns.sum()) == (orientation >= 5)
        pixels = np.asarray(Image.fromarray(pixels[rows][:, columns]).resize((32, 32)))
    assert corners(pixels) == UPRIGHT[orientation]


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_large_tiff_is_turned_upright(orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "LARGE_PIXELS", 1000)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(decode_photo(encode(quadrants(256, 200), "TIFF", exif=exif), 32)) == UPRIGHT[orientation]


@pytest.mark.parametrize("no_jp2", [False, True])
@pytest.mark.parametrize("irreversible", [False, True])
def test_jpeg_2000_is_read(no_jp2: bool, irreversible: bool) -> None:
    data = encode(quadrants(), "JPEG2000", no_jp2=no_jp2, irreversible=irreversible)
    assert corners(decode_photo(data, 32)) == [RED, GREEN, BLUE, WHITE]


def test_middle_of_a_panorama_is_kept_in_proportion() -> None:
    pixels = np.zeros((60, 180, 3), np.uint8)
    pixels[:, 60:120] = 200
    square = decode_photo(encode(Image.fromarray(pixels)), 30)
    assert square[:, 2:-2].min() > 190


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    grey = Image.new("L", (40, 50), 255).convert(mode)
    kind = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    pixels = decode_photo(encode(grey, kind), 16)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert pixels.min() >= 250


def test_16_bit_greys_keep_their_brightness() -> None:
    image = Image.fromarray(np.full((40, 40), 257 * 100, np.uint16))
    assert np.unique(decode_photo(encode(image), 16)).tolist() == [100]


def test_transparent_is_laid_on_white() -> None:
    assert decode_photo(encode(Image.new("RGBA", (20, 20), (0, 0, 0, 0))), 16).min() == 255


def test_first_frame_stands_for_an_animation() -> None:
    frames = [Image.new("RGB", (32, 32), color) for color in ("white", "black")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_photo(data, 16).min() == 255


def test_small_photos_are_enlarged() -> None:
    assert decode_photo(encode(Image.new("RGB", (1, 1), "white")), 16).min() == 255


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"<html>not here</html>", "not a photo"),
        (encode(quadrants(), "JPEG")[:400], "corrupt or truncated"),
    ],
)
def test_what_is_no_photo_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhoto, match=reason):
        decode_photo(data, 16)


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    with pytest.raises(UnreadablePhoto, match="more than 100 pixels"):
        decode_photo(encode(quadrants()), 16)


@given(cut=st.integers(0, 1200), flips=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), max_size=8))
def test_broken_bytes_give_pixels_or_a_reason_and_nothing_else(cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(encode(quadrants(), "JPEG"))
    for at, value in flips:
        data[at % len(data)] = value
    try:
        assert decode_photo(bytes(data[:cut] if cut % 2 else data), 16).shape == (16, 16, 3)
    except UnreadablePhoto as reason:
        assert str(reason)
