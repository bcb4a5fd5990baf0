"""Build the `review.html` of a main run: the photos whose labels are worth a look."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.dataset.corrections import COLUMNS
from pawprint.dataset.decode import UnreadablePhoto
from pawprint.dataset.reader import Dataset, load_dataset
from pawprint.evaluation.doubts import Predictions
from pawprint.evaluation.slices import read_slices
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.report.graph import Lineage
from pawprint.report.review_page import SIDE, embed, embed_whole, render_page
from pawprint.report.review_queue import Suspect, build_queue, read_earlier
from pawprint.report.suspicions import read_opinions
from pawprint.tracking.artifacts import open_artifact

logger = logging.getLogger(__name__)
MOST_EARLIER = 20_000
"""Most earlier corrections that the page saves again; with more, it saves only what is new."""


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
            return replace(suspect, digest=digest), embed_whole(content, data.decoding, side)
        except (UnreadableMemberError, UnreadablePhoto, UserError, KeyError):
            return suspect, _show_square(data, suspect)

    earlier, _ = read_earlier(folder)
    earlier = earlier if len(earlier) <= MOST_EARLIER else []
    rows = [dict(zip(COLUMNS, astuple(row), strict=True)) for row in earlier]
    return render_page(run_id, data.class_names, queue, look, earlier=rows)


def _show_square(data: Dataset, suspect: Suspect) -> str:
    split = data.split(suspect.split)
    if split is None or suspect.member not in split.members:
        return ""
    return embed(split.images[np.array([split.members.index(suspect.member)])][0])
