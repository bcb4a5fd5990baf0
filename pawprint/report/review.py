"""Build `review.html`: a self-contained page to put labels right in, which saves corrections.csv."""

import base64
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.base.machine import count_cores
from pawprint.dataset.corrections import COLUMNS
from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.decoding import Decoding
from pawprint.dataset.reader import Dataset, load_dataset
from pawprint.dataset.survey import look_at
from pawprint.evaluation.doubts import Predictions
from pawprint.evaluation.slices import read_slices
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.report.graph import Lineage
from pawprint.report.page import build_environment
from pawprint.report.pictures import embed_jpeg
from pawprint.report.review_queue import Suspect, build_queue, read_earlier
from pawprint.report.suspicions import read_opinions
from pawprint.tracking.artifacts import open_artifact

logger = logging.getLogger(__name__)
SIDE, QUALITY = 384, 80
"""Side in pixels, and JPEG quality, of the photos in the page."""
MOST_PHOTOS, MOST_CHARACTERS = 500, 20_000_000
"""Most photos that are shown, and most characters of these: the page has at most 25 MB. The rest is named."""
MOST_EARLIER = 20_000
"""Most earlier corrections that the page saves again; with more, it saves only what is new."""
MOST_NAMED = 2000
"""Most further photos that are named."""

Show = Callable[[Suspect], str]


def build_review(lineage: Lineage) -> str:
    """Return the page of a main run.

    Args:
        lineage: chain of a main run.

    Returns:
        HTML in UTF-8 that loads nothing from elsewhere and runs nothing but its own script.
    """
    opinions, _ = read_opinions(lineage)
    with ExitStack() as opened:

        def open_path(run: Any, path: str) -> Path:
            uri = f"runs:/{run.info.run_id}/{path}"
            return opened.enter_context(open_artifact(uri, expected=f"runs:/<run id>/{path}"))

        assert lineage.preprocess is not None and lineage.main is not None  # noqa: S101 - main has run it
        folder = open_path(lineage.preprocess, "dataset")
        evaluated = open_path(lineage.trainings[0].evaluations[-1], "evaluation")
        data = load_dataset(folder)
        slices = read_slices(path) if (path := evaluated / "slices.csv").is_file() else []
        collection = None
        try:
            collection = load_photos(open_path(lineage.download, "photos"))
        except UserError as error:  # they may be gone, or kept by reference on another machine
            logger.warning("review.html shows the photos as the dataset holds them: %s", error)
        return render_review(lineage.main.info.run_id, folder, data, opinions, slices, collection)


def render_review(
    run_id: str,
    folder: Path,
    data: Dataset,
    opinions: Sequence[Predictions],
    slices: Sequence[Any],
    collection: PhotoCollection | None,
) -> str:
    """Return the page.

    Args:
        run_id: the main run.
        folder: the dataset's folder.
        data: the dataset.
        opinions: see `build_queue`.
        slices: see `build_queue`.
        collection: the photos as they came; None shows the dataset's squares.
    """
    photos = {collection.name(photo): photo for photo in collection.photos} if collection else {}
    queue = build_queue(folder, data, opinions, slices, {name: photo.label for name, photo in photos.items()})

    # Photos kept by reference stay where they are: no larger ones become part of a run than those of the dataset.
    kept = collection is not None and all(archive.file for archive in collection.manifest.archives)
    side = SIDE if kept else data.image_size

    def look(suspect: Suspect) -> tuple[Suspect, str]:
        """Return a photo with its digest and its picture, "" if it can't be shown."""
        if collection is None:
            return suspect, _show_square(data, suspect)
        try:
            content = collection.read(photos[suspect.member])
            digest = suspect.digest or hashlib.sha256(content).hexdigest()
            return replace(suspect, digest=digest), _embed(_decode_whole(content, data.decoding, side))
        except (UnreadableMemberError, UnreadablePhoto, UserError, KeyError):
            return suspect, _show_square(data, suspect)

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
    earlier, _ = read_earlier(folder)
    earlier = earlier if len(earlier) <= MOST_EARLIER else []
    script = (Path(__file__).parent / "templates" / "review.js").read_text("utf-8")
    content = {
        "run": run_id,
        "classes": list(data.class_names),
        "columns": COLUMNS,
        "photos": list(shown.values()),
        "rest": rest[:MOST_NAMED],
        "earlier": [dict(zip(COLUMNS, astuple(row), strict=True)) for row in earlier],
    }
    return (
        build_environment()
        .get_template("review.html.j2")
        .render(
            content=content,
            num_rest=len(rest),
            script=Markup(script),  # noqa: S704 - our own file
            digest=base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode(),
        )
    )


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


def _decode_whole(content: bytes, decoding: Decoding, longest: int) -> Any:
    """Return all of a photo, its longer side `longest` pixels, uint8 [height, width, 3]."""
    square = decode_photo(content, longest, replace(decoding, fit="pad"))
    width, height = look_at(content).shape
    rows, columns = (max(1, round(longest * side / max(width, height))) for side in (height, width))
    top, left = (longest - rows) // 2, (longest - columns) // 2
    return square[top : top + rows, left : left + columns]


def _show_square(data: Dataset, suspect: Suspect) -> str:
    split = data.split(suspect.split)
    if split is None or suspect.member not in split.members:
        return ""
    return _embed(split.images[np.array([split.members.index(suspect.member)])][0])


def _embed(pixels: Any) -> str:
    return embed_jpeg(Image.fromarray(pixels), QUALITY)
