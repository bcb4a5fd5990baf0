"""Open HEIC photos, as iPhones store them, with a library that is not part of Pillow."""

import importlib
import io
from types import ModuleType

from PIL import Image

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
"""Brands of HEIC files after `ftyp`; AVIF's are not among them, because Pillow reads AVIF itself."""

LIBRARIES = ("pi_heif", "pillow_heif")
"""Libraries that can read HEIC; the first installed one is used. The lock has the decoder (package pi-heif-decoder);
the other can also encode, but its wheels contain GPL code, so users may install it themselves."""

SAFE_LIBHEIF = (1, 23, 4)
"""First libheif without the vulnerabilities published in 2026: in older ones, a photo could execute code."""


class MissingLibraryError(Exception):
    """No installed library reads HEIC; the message says what to install."""


def is_heif(data: bytes) -> bool:
    """Return whether a file claims to be HEIC.

    >>> is_heif(b"....ftypheic"), is_heif(b"....ftypavif")
    (True, False)
    """
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def open_heif(data: bytes) -> Image.Image:
    """Open an HEIC photo; its pixels are decoded, upright, when it is loaded.

    Raises:
        MissingLibraryError: no installed library reads HEIC.
        SyntaxError: the file is broken.
    """
    library, outdated = _find_library()
    if library is None:
        reason = f"{outdated} is too old to be safe" if outdated else "no library reads it here"
        raise MissingLibraryError(f"an HEIC photo, and {reason}: pip install pi-heif-decoder, or convert it to JPEG")
    plugin = importlib.import_module(f"{library.__name__}.as_plugin")
    opened: Image.Image = plugin.HeifImageFile(io.BytesIO(data))
    return opened


def _find_library() -> tuple[ModuleType | None, str]:
    outdated = ""
    for name in LIBRARIES:
        try:
            library = importlib.import_module(name)
            version = str(library.libheif_version())
        except (ImportError, AttributeError):
            continue
        if tuple(int(part) for part in version.split(".")) >= SAFE_LIBHEIF:
            return library, ""
        outdated = f"{name}'s libheif {version}"
    return None, outdated
