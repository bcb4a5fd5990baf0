"""HEIC photos, as iPhones store them, by a library that Pillow does not bring."""

import importlib
import io
from types import ModuleType

from PIL import Image

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
"""What an HEIC file says of itself after `ftyp`; AVIF's brands are not among them, as Pillow reads AVIF itself."""

LIBRARIES = ("pi_heif", "pillow_heif")
"""What can read it, the first that is there: the lock's decoder (package pi-heif-decoder), or the one that encodes too,
whose wheels hold GPL code, so that a person installs it and the lock does not."""

SAFE_LIBHEIF = (1, 23, 4)
"""The first libheif without the holes that were published in 2026: a photo could run its own code in older ones."""


class MissingLibraryError(Exception):
    """No library reads HEIC here; the message says how to mend that."""


def is_heif(data: bytes) -> bool:
    """Return whether a file calls itself HEIC.

    >>> is_heif(b"....ftypheic"), is_heif(b"....ftypavif")
    (True, False)
    """
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def open_heif(data: bytes) -> Image.Image:
    """Open an HEIC photo; its pixels are decoded when it is loaded, upright.

    Raises:
        MissingLibraryError: no library reads it here.
        SyntaxError: it is broken.
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
