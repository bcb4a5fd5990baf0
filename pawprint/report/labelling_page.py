"""Build the `review.html` of a run of predict: the photos most worth a label, which the page asks for."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pawprint.dataset.decoding import Decoding
from pawprint.photos.collection import PhotoCollection
from pawprint.report.review_page import embed_whole, render_page
from pawprint.report.review_queue import UNLIKE, UNSURE, Suspect, name_answers
from pawprint.serving.contact_sheet import SIDE
from pawprint.serving.labelling import Answered


def build_labelling_page(
    run_id: str,
    chosen: Sequence[Answered],
    collection: PhotoCollection,
    *,
    photos: str,
    class_names: Sequence[str],
    decoding: Decoding,
) -> str:
    """Return the page.

    Nobody has labelled these photos for training, so they have no label in the page, even where a folder names one.

    Args:
        run_id: the run of predict.
        chosen: the photos, the most valuable first (see `Shortlist.choose`).
        collection: reads the photos again; they are shown as large as on the contact sheet.
        photos: URI of the photos, which `more=` takes.
        class_names: the classes, in the order of the answers.
        decoding: how the model's photos become squares.
    """
    asked = {one.name: one for one in chosen}

    def look(suspect: Suspect) -> tuple[Suspect, str]:
        content = collection.read(asked[suspect.member].photo)
        return replace(suspect, digest=hashlib.sha256(content).hexdigest()), embed_whole(content, decoding, SIDE)

    queue = [
        Suspect(
            one.name,
            digest="",
            split="",
            label="",
            original="",
            answers=name_answers(one.probabilities, class_names),
            why=[UNLIKE if one.unlike else UNSURE],
        )
        for one in chosen
    ]
    return render_page(run_id, class_names, queue, look, labelling=photos)
