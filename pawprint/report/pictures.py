"""Embed pictures in pages that load nothing from elsewhere."""

import base64
import io

from PIL import Image


def embed_jpeg(picture: Image.Image, quality: int = 82) -> str:
    """Return a picture as a JPEG in a data URI."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
