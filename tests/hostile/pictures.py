"""A small picture in every format and kind of pixels that people have."""

import io

import numpy as np
from PIL import Image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _draw() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((40, 30))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cat"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    deep = Image.fromarray((np.arange(1200, dtype=np.uint16) * 50).reshape(30, 40))
    see_through = photo.copy()
    see_through.putalpha(photo.convert("L"))
    frames = [photo.convert("P"), photo.rotate(90).convert("P")]
    drawn = {
        "jpeg-rgb": encode(photo, "JPEG", exif=exif),
        "jpeg-progressive": encode(photo, "JPEG", progressive=True),
        "jpeg-cmyk": encode(photo.convert("CMYK"), "JPEG"),
        "jpeg-grey": encode(photo.convert("L"), "JPEG"),
        "png-rgb": encode(photo, "PNG", exif=exif),
        "png-16": encode(deep, "PNG"),
        "png-1": encode(photo.convert("1"), "PNG"),
        "png-palette": encode(photo.convert("P"), "PNG", transparency=3),
        "png-animated": encode(photo, "PNG", save_all=True, append_images=[photo.rotate(90)]),
        "gif-animated": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "webp-lossy": encode(photo, "WEBP", exif=exif.tobytes()),
        "webp-lossless": encode(see_through, "WEBP", lossless=True),
        "webp-animated": encode(photo, "WEBP", save_all=True, append_images=[photo.rotate(90)]),
        "avif-rgb": encode(photo, "AVIF"),
        "bmp-rgb": encode(photo, "BMP"),
        "bmp-palette": encode(photo.convert("P"), "BMP"),
        "ppm-rgb": encode(photo, "PPM"),
        "ppm-plain": b"P3\n2 2\n255\n" + b"255 0 0 " * 4,
        "tiff-rgb": encode(photo, "TIFF"),
        "tiff-cmyk": encode(photo.convert("CMYK"), "TIFF"),
        "tiff-16": encode(deep, "TIFF"),
        "jp2-rgb": encode(photo, "JPEG2000"),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        drawn[f"tiff-{compression}"] = encode(photo, "TIFF", compression=compression)
    return drawn


PICTURES = _draw()
