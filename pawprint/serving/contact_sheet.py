"""Write `contact-sheet.html`: photos by predicted class, the least certain first, on one self-contained page.

Photos that are unlike anything the model learned from are a group of their own, before the classes.
"""

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from tqdm import tqdm

from pawprint.base.machine import count_cores
from pawprint.dataset.decode import decode_photo
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.photos.collection import PhotoCollection
from pawprint.serving.predictions import UNLIKE, Outcome, Prediction

MOST_PHOTOS = 600
"""Most photos on a page, which then has at most about 8 MB."""
SIDE, QUALITY = 320, 72
"""Size in pixels and JPEG quality of each photo: the same picture serves as thumbnail and enlarged."""
MOST_NAMED = 3
"""Classes named with each photo."""


def write_contact_sheet(
    outcome: Outcome,
    collection: PhotoCollection,
    path: Path,
    *,
    class_names: Sequence[str],
    model: str,
    source: str,
    left_out: Sequence[str] = (),
    decoding: Decoding = USUAL,
) -> None:
    """Write the page.

    A photo is shown as the square that the network saw, with more pixels.

    Args:
        outcome: the result of `predict_photos`.
        collection: the collection to read the photos from again.
        path: the file to write.
        class_names: the classes, in the order of the model's answers.
        model: the name of the model.
        source: the name of the photos.
        left_out: files that were not labelled, one line for each reason.
        decoding: how a photo becomes a square.
    """
    groups = choose_shown(outcome)
    shown = [one for _, group in groups for one in group]

    def embed(one: Prediction) -> str:
        buffer = io.BytesIO()
        square = Image.fromarray(decode_photo(collection.read(one.photo), SIDE, decoding))
        square.save(buffer, "JPEG", quality=QUALITY)
        return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"

    with ThreadPoolExecutor(count_cores()) as pool:
        pictures = pool.map(embed, shown)
        progress = tqdm(pictures, total=len(shown), desc="contact sheet", unit="photo", disable=None, delay=2)
        embedded = dict(zip((one.name for one in shown), progress, strict=True))
    page = _environment().get_template("contact-sheet.html.j2")
    page.stream(
        model=model,
        source=source,
        headline=format_headline(outcome.counts.total(), outcome.num_unreadable),
        num_unreadable=outcome.num_unreadable,
        errors=outcome.errors,
        left_out=left_out,
        groups=[
            {
                "name": "unlike training" if number == UNLIKE else class_names[number],
                "unlike": number == UNLIKE,
                "total": outcome.unlike.total()
                if number == UNLIKE
                else outcome.counts[number] - outcome.unlike[number],
                "photos": [_describe(one, class_names) | {"picture": embedded[one.name]} for one in group],
            }
            for number, group in groups
        ],
    ).dump(str(path), encoding="utf-8")


def choose_shown(outcome: Outcome) -> list[tuple[int, list[Prediction]]]:
    """Return the photos for the page by class number (or `UNLIKE`), a fair share of the page for each."""
    share = max(1, MOST_PHOTOS // max(1, len(outcome.doubtful)))
    return [(number, photos[:share]) for number, photos in outcome.doubtful.items()]


def _describe(one: Prediction, class_names: Sequence[str]) -> dict[str, Any]:
    order = np.argsort(-one.probabilities, kind="stable")[:MOST_NAMED]
    answers = [(class_names[at], float(one.probabilities[at])) for at in order]
    return {
        "name": one.name,
        "label": answers[0][0],
        "probability": answers[0][1],
        "unlikeness": one.unlikeness,
        "answers": answers,
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # names of photos and classes come from strangers
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = format_percent
    environment.filters["number"] = lambda number: f"{number:,}"
    return environment


def format_headline(labelled: int, unreadable: int) -> str:
    """Return the content of the page in one line.

    >>> format_headline(1, 0), format_headline(1200, 0), format_headline(3, 1)
    ('1 photo, labelled', '1,200 photos, labelled', '3 of 4 photos labelled')
    """
    if unreadable:
        return f"{labelled:,} of {labelled + unreadable:,} photos labelled"
    return f"{labelled:,} photo{'s' if labelled != 1 else ''}, labelled"


def format_percent(share: float) -> str:
    """Return a probability as a percentage, never as 100 %.

    >>> format_percent(0.614), format_percent(0.9996), format_percent(1.0)
    ('61.4 %', '> 99.9 %', '> 99.9 %')
    """
    return "> 99.9 %" if share > 0.999 else f"{100 * share:.1f} %"
