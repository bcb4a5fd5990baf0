"""Fill the template of review.html: a self-contained page to put labels right in, or to give them, by keyboard.

It saves corrections.csv (see `pawprint/dataset/corrections.py`).
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from pawprint.base.machine import count_cores
from pawprint.dataset.corrections import COLUMNS
from pawprint.dataset.decode import decode_photo
from pawprint.dataset.decoding import Decoding
from pawprint.dataset.survey import look_at
from pawprint.report.page import build_environment
from pawprint.report.pictures import embed_jpeg
from pawprint.report.review_queue import Suspect

SIDE, QUALITY = 384, 80
"""Side in pixels, and JPEG quality, of the photos in the page."""
MOST_PHOTOS, MOST_CHARACTERS = 500, 20_000_000
"""Most photos that are shown, and most characters of these: the page has at most 25 MB. The rest is named."""
MOST_NAMED = 2000
"""Most further photos that are named."""

Look = Callable[[Suspect], tuple[Suspect, str]]
"""Returns a photo with its digest and its picture, "" if it can't be shown."""


def render_page(
    run_id: str,
    class_names: Sequence[str],
    queue: Sequence[Suspect],
    look: Look,
    *,
    earlier: Sequence[dict[str, str]] = (),
    labelling: str = "",
) -> str:
    """Return the page.

    Args:
        run_id: the run that it is of.
        class_names: the classes that a key picks.
        queue: the photos, the most valuable first.
        look: reads a photo.
        earlier: rows of corrections that are saved again.
        labelling: URI of the photos, if they have no labels yet: the page then asks for these.

    Returns:
        HTML in UTF-8 that loads nothing from elsewhere and runs nothing but its own script.
    """
    shown: dict[str, dict[str, Any]] = {}
    room, looked = MOST_CHARACTERS, 0
    with ThreadPoolExecutor(count_cores()) as pool:
        for suspect, picture in pool.map(look, queue[:MOST_PHOTOS]):
            room -= len(picture)
            if room < 0:
                break
            looked += 1
            # A picture under two labels has one digest.
            if suspect.digest and suspect.digest not in shown:
                shown[suspect.digest] = _describe(suspect) | {"photo": picture}
    rest = [[suspect.member, suspect.label, suspect.why[0]] for suspect in queue[looked:]]
    script = (Path(__file__).parent / "templates" / "review.js").read_text("utf-8")
    content = {
        "run": run_id,
        "classes": list(class_names),
        "columns": COLUMNS,
        "photos": list(shown.values()),
        "rest": rest[:MOST_NAMED],
        "earlier": list(earlier),
    }
    return (
        build_environment()
        .get_template("review.html.j2")
        .render(
            content=content,
            labelling=labelling,
            num_rest=len(rest),
            script=Markup(script),  # noqa: S704 - our own file
            digest=base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode(),
        )
    )


def embed(pixels: Any) -> str:
    """Return pixels, uint8 [height, width, 3], as the address of a picture."""
    return embed_jpeg(Image.fromarray(pixels), QUALITY)


def embed_whole(content: bytes, decoding: Decoding, longest: int) -> str:
    """Return all of a photo as the address of a picture whose longer side has `longest` pixels.

    Raises:
        UnreadablePhoto: it can't be decoded.
    """
    square = decode_photo(content, longest, replace(decoding, fit="pad"))
    width, height = look_at(content).shape
    rows, columns = (max(1, round(longest * side / max(width, height))) for side in (height, width))
    top, left = (longest - rows) // 2, (longest - columns) // 2
    return embed(square[top : top + rows, left : left + columns])


def _describe(suspect: Suspect) -> dict[str, Any]:
    return {
        "digest": suspect.digest,
        "name": suspect.member,
        "split": suspect.split,
        "label": suspect.label,
        "original": suspect.original,
        "answers": suspect.answers,
        "why": suspect.why,
    }
