"""Photos of more than 8 bits a pixel are neither black nor blank."""

import io

import numpy as np
import pytest
from PIL import Image

from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.decoding import USUAL, Decoding


def encode(values: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def greys(data: bytes, decoding: Decoding = USUAL) -> list[int]:
    """The dark and the bright half of what is decoded."""
    pixels = decode_photo(data, 16, decoding)
    return [int(np.median(pixels[:, :6])), int(np.median(pixels[:, -6:]))]


def halves(dark: float, bright: float, dtype: type = np.uint16) -> np.ndarray:
    values = np.full((40, 40), dark, dtype)
    values[:, 20:] = bright
    return values


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_12_bits_in_16_are_scaled_by_the_collections_range(kind: str) -> None:
    data = encode(halves(400, 3600), kind)
    assert greys(data) == [1, 14]
    assert greys(data, Decoding(integers=(0, 4000))) == [26, 230]  # 25.5 and 229.5


def test_the_full_range_stays_as_it_was() -> None:
    assert greys(encode(halves(257 * 10, 257 * 200))) == [10, 200]


def test_8_bit_values_in_16_bits_stay_as_they_are() -> None:
    assert greys(encode(halves(10, 200))) == [10, 200]


@pytest.mark.parametrize(("stated", "bright"), [(4095, 4095), (16383, 16383), (3999, 4095)])
def test_the_depth_that_a_tiff_states_comes_first(stated: int, bright: int) -> None:
    data = encode(halves(0, bright), "TIFF", tiffinfo={281: stated})
    assert greys(data) == [0, 255]
    assert greys(data, Decoding(integers=(0, 60000))) == [0, 255]


def test_a_tiff_of_12_bits_a_pixel_is_not_black() -> None:
    data = bytearray(encode(halves(0, 0), "TIFF"))
    with Image.open(io.BytesIO(bytes(data))) as image:
        start = image.tag_v2[273][0]
    at = data.index(b"\x02\x01\x03\x00\x01\x00\x00\x00") + 8  # BitsPerSample
    data[at : at + 2] = b"\x0c\x00"
    data[start:] = (bytes(30) + b"\xff" * 30) * 40
    assert greys(bytes(data)) == [0, 255]


def test_white_is_zero_is_heeded() -> None:
    assert greys(encode(halves(0, 65535), "TIFF", tiffinfo={262: 0})) == [255, 0]


def test_negative_values_have_their_place() -> None:
    values = halves(-1000, 1000, np.int32)
    assert greys(encode(values, "TIFF"), Decoding(integers=(-1000, 1000))) == [0, 255]


def test_floating_point_photos_need_a_range() -> None:
    data = encode(halves(0.25, 0.5, np.float32), "TIFF")
    with pytest.raises(UnreadablePhoto, match="floating-point pixels have no standard range of brightness"):
        decode_photo(data, 16)
    assert greys(data, Decoding(floats=(0.0, 1.0))) == [64, 128]


def test_what_is_no_number_is_black() -> None:
    data = encode(halves(np.nan, np.inf, np.float32), "TIFF")
    assert greys(data, Decoding(floats=(0.0, 1.0))) == [0, 255]


def test_a_large_photo_shows_what_a_small_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(np.tile(halves(400, 3600), (10, 10)))
    usual = decode_photo(data, 16, Decoding(integers=(0, 4000))).astype(int)
    monkeypatch.setattr("pawprint.dataset.decode.LARGE_PIXELS", 1000)
    monkeypatch.setattr("pawprint.dataset.decode._BAND_ROWS", 50)
    assert np.abs(decode_photo(data, 16, Decoding(integers=(0, 4000))).astype(int) - usual).mean() < 3
