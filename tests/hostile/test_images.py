"""Every kind of picture that people have is decoded right; what is none, or a bomb, says why, at a bounded cost."""

import ast
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawprint.dataset import decode
from pawprint.dataset.decode import MAX_PIXELS, UnreadablePhoto, decode_photo
from tests.hostile.pictures import PICTURES, encode

ROOT = Path(__file__).parents[2]
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).resize((40, 30))
GREYS = {"jpeg-grey", "png-16", "png-1", "tiff-16", "ppm-plain", "webp-lossless"}  # other pictures than PHOTO
LOSSY = {"jpeg-cmyk", "tiff-cmyk", "png-palette", "bmp-palette", "gif-animated", "tiff-jpeg", "webp-lossy"}


def shown(data: bytes) -> np.ndarray:
    return decode_photo(data, 16).astype(int)


@pytest.mark.parametrize("name", sorted(set(PICTURES) - GREYS))
def test_every_format_shows_the_same_picture(name: str) -> None:
    difference = np.abs(shown(PICTURES[name]) - shown(encode(PHOTO, "PNG")))
    if name in {"jpeg-rgb", "png-rgb", "webp-lossy"}:  # these carry an orientation, which is followed
        difference = np.abs(shown(PICTURES[name]) - shown(encode(PHOTO.rotate(-90, expand=True), "PNG")))
    assert difference.mean() < (25 if name in LOSSY else 8), difference.mean()


@pytest.mark.parametrize("name", sorted(GREYS))
def test_the_other_pictures_are_decoded_too(name: str) -> None:
    pixels = shown(PICTURES[name])
    assert pixels.shape == (16, 16, 3)
    if name in {"jpeg-grey", "png-16", "png-1", "tiff-16"}:
        assert (pixels[..., 0] == pixels[..., 1]).all()
    if name in {"png-16", "tiff-16"}:  # a ramp from 0 to 59,950 of 65,535, so to 233 of 255
        assert pixels[0].mean() < 20
        assert 210 < pixels[-1].mean() < 240


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (65500, 1), (1, 30000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_any_shape_is_decoded(size: tuple[int, int], kind: str) -> None:
    assert (shown(encode(Image.new("RGB", size, (200, 100, 50)), kind)) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize("name", sorted(PICTURES))
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_cut_file_is_refused_or_shows_what_is_there(name: str, share: float) -> None:
    data = PICTURES[name][: int(share * len(PICTURES[name]))]
    try:
        pixels = decode_photo(data, 16)
    except UnreadablePhoto as reason:
        assert str(reason)
    else:  # of an animation, or where an index stands at the end, the first picture may be whole
        assert pixels.shape == (16, 16, 3)
        assert "animated" in name or name.startswith(("tiff", "gif", "png-16"))


@pytest.mark.parametrize("name", ["jpeg-rgb", "jpeg-progressive", "png-rgb", "webp-lossy", "avif-rgb", "bmp-rgb"])
def test_a_photo_cut_short_is_refused(name: str) -> None:
    with pytest.raises(UnreadablePhoto, match=r"corrupt or truncated|not a photo"):
        decode_photo(PICTURES[name][: len(PICTURES[name]) * 6 // 10], 16)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\0" * 5000, "not a photo"),
        (b"GIF89a", "not a photo|corrupt"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"x" * 100, "corrupt or truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),
        (b"%PDF-1.7", "not a photo"),
        (encode(PHOTO.convert("F"), "TIFF"), "floating-point"),
    ],
)
def test_what_is_no_photo_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhoto, match=reason):
        decode_photo(data, 16)


def test_the_bytes_and_not_the_name_say_what_a_file_is() -> None:
    """decode_photo is given no name, so a PNG called .jpg is a PNG."""
    assert (shown(encode(PHOTO, "PNG")) == shown(encode(PHOTO, "BMP"))).all()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's of odd metadata, as the steps do
@pytest.mark.parametrize("at", range(4, 60, 11))
def test_broken_exif_on_good_pixels_is_a_photo_as_it_lies(at: int) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a cat", 1
    data = bytearray(encode(PHOTO, "JPEG", exif=exif))
    start = data.index(b"Exif\0\0") + 6
    end = start + len(exif.tobytes()) - 6
    data[min(start + at, end - 1)] ^= 0xFF
    data[start + 8 : start + 10] = b"\xff\xff"  # 65,535 entries
    assert decode_photo(bytes(data), 16).shape == (16, 16, 3)


def png(width: int, height: int, colour: int, *, bits: int = 8, rows: int | None = None, alpha: bytes = b"") -> bytes:
    """A PNG of zeros; with fewer rows than it says, one that only claims to be large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    row = b"\0" * (1 + width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * bits // 8)
    press = zlib.compressobj(6)
    pixels = b"".join([press.compress(row) for _ in range(height if rows is None else rows)]) + press.flush()
    palette = chunk(b"PLTE", b"\1\2\3" * 4) + chunk(b"tRNS", alpha) if colour == 3 else b""
    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + palette + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_size(name: str, width: int, height: int) -> bytes:
    """A small picture whose header says another size."""
    data = bytearray(PICTURES[name])
    if name == "jpeg-rgb":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">2H", height, width)
    elif name == "bmp-rgb":
        data[18:26] = struct.pack("<2i", width, height)
    elif name == "gif-animated":
        data[6:10] = struct.pack("<2H", width, height)
    elif name == "ppm-rgb":
        data = bytearray(f"P6\n{width} {height}\n255\n".encode() + bytes(100))
    elif name == "tiff-rgb":
        for tag, value in ((256, width), (257, height)):
            at = data.index(struct.pack("<H", tag), int.from_bytes(data[4:8], "little"))
            data[at : at + 12] = struct.pack("<2H2I", tag, 4, 1, value)
    return bytes(data)


@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ["jpeg-rgb", "bmp-rgb", "gif-animated", "ppm-rgb", "tiff-rgb", "png"])
@pytest.mark.parametrize(("width", "height"), [(65500, 65500), (9500, 9500)])
def test_a_header_of_too_many_pixels_is_refused(name: str, width: int, height: int) -> None:
    data = png(width, height, 2, rows=3) if name == "png" else with_size(name, width, height)
    with pytest.raises(UnreadablePhoto, match="more than 89,000,000 pixels"):
        decode_photo(data, 16)


@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_a_webp_of_too_many_pixels_is_refused() -> None:
    # Lossless, 16383×16383 of one colour, in 34 bytes (RFC 9649).
    head = struct.pack("<BI", 0x2F, 16382 | 16382 << 14) + bytes.fromhex("1007111188d4ff030000")
    data = b"WEBPVP8L" + struct.pack("<I", len(head)) + head + b"\0" * (len(head) % 2)
    with pytest.raises(UnreadablePhoto, match="more than 89,000,000 pixels"):
        decode_photo(b"RIFF" + struct.pack("<I", len(data)) + data, 16)


@pytest.mark.parametrize("rows", [1, 30])
def test_a_tiff_in_one_strip_may_have_fewer_pixels_than_one_in_many(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(PHOTO.convert("CMYK"), "TIFF", compression="tiff_lzw", tiffinfo={278: rows})
    monkeypatch.setattr(decode, "MAX_PIXELS", 1300)
    if rows == 1:
        assert shown(data).shape == (16, 16, 3)
        return
    with pytest.raises(UnreadablePhoto, match="40×30: more than 812 pixels"):
        decode_photo(data, 16)


@pytest.mark.parametrize("name", ["jpeg-rgb", "png-rgb", "jpeg-progressive", "webp-lossless", "avif-rgb"])
def test_what_takes_more_memory_may_have_fewer_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 1300)  # PHOTO has 1,200
    if name in {"jpeg-rgb", "png-rgb"}:
        assert shown(PICTURES[name]).shape == (16, 16, 3)
        return
    with pytest.raises(UnreadablePhoto, match=r"40×30: more than (1,083|406) pixels"):
        decode_photo(PICTURES[name], 16)


@pytest.mark.parametrize("name", ["png-rgb", "png-16", "png-palette", "webp-lossless", "tiff-cmyk", "gif-animated"])
def test_a_large_photo_shows_what_a_small_one_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(io.BytesIO(PICTURES[name])) as image:
        large = encode(image.resize((600, 450)), "TIFF" if name == "tiff-cmyk" else "PNG")
    usual = decode_photo(large, 16).astype(int)
    monkeypatch.setattr(decode, "LARGE_PIXELS", 1000)
    monkeypatch.setattr(decode, "_BAND_ROWS", 50)
    difference = np.abs(decode_photo(large, 16).astype(int) - usual)
    assert difference.mean() < 3
    assert difference.max() < 30


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["2, 8", "3, 8", "6, 8", "4, 8", "0, 16", "6, 16"])
def test_the_largest_photo_of_any_kind_fits_into_the_memory(kind: str) -> None:
    """88 million pixels in a file of a megabyte: no bomb by the cap, and held to 500 MB all the same."""
    colour, bits = kind.split(", ")
    code = (
        "from pawprint.dataset.decode import decode_photo\n"
        "from tests.hostile.test_images import png\n"
        "from tests.memory import peak_megabytes\n"
        f"assert decode_photo(png(9400, 9400, {colour}, bits={bits}, alpha=bytes(2)), 160).shape == (160, 160, 3)\n"
        "print(peak_megabytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    print(kind, done.stdout)  # noqa: T201 - figures
    assert float(done.stdout) < 500


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "side", "options"),
    [("WEBP", 5270, {"lossless": True, "method": 0}), ("JPEG", 8610, {"progressive": True, "subsampling": 0})],
)
def test_the_largest_photo_of_a_greedy_decoder_fits_too(
    kind: str, side: int, options: dict[str, int], tmp_path: Path
) -> None:
    Image.new("RGB", (side, side)).save(tmp_path / "photo", kind, **options)
    code = (
        "import sys; from pathlib import Path; from pawprint.dataset.decode import decode_photo\n"
        "from tests.memory import peak_megabytes\n"
        "assert decode_photo(Path(sys.argv[1]).read_bytes(), 160).shape == (160, 160, 3)\n"
        "print(peak_megabytes())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "photo")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    print(kind, done.stdout)  # noqa: T201 - figures
    assert float(done.stdout) < 500


def test_the_cap_on_pixels_is_one_number_in_one_place() -> None:
    """Strangers' photos are opened in decode.py alone; the others open pictures that we have just written."""
    opening, naming = set(), set()
    for path in [*(ROOT / "pawprint").rglob("*.py"), *(ROOT / "steps").glob("*.py")]:
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                opening.add(path.relative_to(ROOT).as_posix())
        if str(MAX_PIXELS) in text.replace("_", "") or "MAX_IMAGE_PIXELS" in text:
            naming.add(path.relative_to(ROOT).as_posix())
    ours = {"pawprint/report/page.py", "pawprint/dataset/evidence.py"}
    assert opening == {"pawprint/dataset/decode.py"} | ours
    assert naming == {"pawprint/dataset/decode.py"}
    assert "MAX_PIXELS" in (ROOT / "pawprint/report/page.py").read_text("utf-8")
