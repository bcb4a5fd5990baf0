"""A damaged photo is refused wherever its format says that it is damaged."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pawprint.dataset.checksums import find_png_damage
from pawprint.dataset.decode import UnreadablePhoto, decode_photo

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Pillow's, of odd metadata


def draw_png(**options: object) -> bytes:
    """A PNG of 60 x 40 pixels with text, which compresses to a few thousand bytes."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a cat on a mat, and what it saw from there")
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((60, 40)).save(buffer, "PNG", pnginfo=text, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("animated", [False, True])
def test_a_png_with_a_flipped_bit_is_never_taken_with_wrong_pixels(animated: bool) -> None:
    data = draw_png(save_all=True, append_images=[Image.new("RGB", (60, 40), "red")]) if animated else draw_png()
    right = decode_photo(data, 16)
    chance = random.Random(0)
    refused = 0
    for _ in range(1000):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        try:
            np.testing.assert_array_equal(decode_photo(bytes(flipped), 16), right)
        except UnreadablePhoto:
            refused += 1
    assert refused == 1000


def test_which_chunk_is_damaged_is_said() -> None:
    data = bytearray(draw_png())
    data[data.index(b"IDAT") + 300] ^= 1
    with pytest.raises(UnreadablePhoto, match=r"corrupt or truncated \(the checksum of its chunk IDAT is wrong"):
        decode_photo(bytes(data), 16)


@pytest.mark.parametrize("missing", [1, 4, 12, 300])
def test_a_png_without_its_end_is_refused(missing: int) -> None:
    with pytest.raises(UnreadablePhoto, match="its end is missing"):
        decode_photo(draw_png()[:-missing], 16)


def test_bytes_behind_the_end_are_no_damage() -> None:
    assert find_png_damage(draw_png() + b"\0" * 7 + b"whatever a phone writes there") is None


def test_a_deflated_tiff_with_a_flipped_bit_of_its_pixels_is_refused() -> None:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(draw_png())) as image:
        image.save(buffer, "TIFF", compression="tiff_adobe_deflate")
    data, chance = buffer.getvalue(), random.Random(0)
    with Image.open(io.BytesIO(data)) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    for _ in range(300):
        flipped = bytearray(data)
        flipped[start + chance.randrange(length)] ^= 1 << chance.randrange(8)
        with pytest.raises(UnreadablePhoto):
            decode_photo(bytes(flipped), 16)


@pytest.mark.parametrize("name", ["magnetic-tiles"])
def test_real_pngs_have_right_checksums(name: str) -> None:
    path = Path(__file__).parents[2] / f"../shared/data/{name}.zip"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with zipfile.ZipFile(path) as archive:
        for member in [name for name in archive.namelist() if name.endswith(".png")][:200]:
            assert find_png_damage(archive.read(member)) is None
