"""Write the `photos/` artifact from a `source`: try the alternatives in order, with a warning for each that fails."""

import logging
from collections.abc import Callable
from pathlib import Path

from pawprint.base.errors import UserError
from pawprint.fetch.errors import UnreachableError
from pawprint.fetch.retries import patience_for
from pawprint.fetch.streams import WAIT_SECONDS
from pawprint.labels.choice import check_labels
from pawprint.labels.readings import Reading
from pawprint.labels.summary import summarize_classes
from pawprint.photos.artifact import check_classes, write_artifact
from pawprint.photos.grammar import Alternative, parse_source
from pawprint.photos.manifest import Manifest
from pawprint.photos.places import receive_path, receive_place

LOG = logging.getLogger(__name__)

KEEP_PHOTOS = ("copy", "reference")
NO_LABELS = "none"
"""The value of download's `labels` for photos that need no classes, such as those of `more`."""

__all__ = ["check_labels", "check_source", "fetch_photos", "find_tracked", "summarize_source"]


def check_source(source: str, *, labels: str = "auto", labelled: bool = True) -> Reading | None:
    """Check as much of a `source` as possible without the network and without decoding photos.

    Checks its syntax, whether local paths exist and are archives, and whether the names in zips and folders, or the
    tables in them, give two classes.

    Args:
        source: A source as for `fetch_photos`.
        labels: How to read the classes.
        labelled: False if photos without classes are enough.

    Returns:
        The reading of the first source, if it is on this machine.

    Raises:
        UserError: The source cannot be used. In a list, a missing path is no error if another source may be
            reachable.
    """
    alternatives = parse_source(source)
    missing = []
    found: list[Reading | None] = []
    for alternative in alternatives:
        try:
            found.append(_check_alternative(alternative, labels=labels, labelled=labelled))
        except UnreachableError as error:
            missing.append(error)
    if len(missing) == len(alternatives):
        raise missing[0]
    return found[0]


def summarize_source(source: str, *, labels: str) -> list[str]:
    """Return how the classes of a source on this machine would be read, as lines; no lines for a remote source.

    Raises:
        UserError: As in `check_source`.
    """
    reading = check_source(source, labels=labels)
    if reading is None:
        return []
    return summarize_classes(
        reading.photos,
        labels=reading.labels,
        explanation=reading.explanation,
        left_out=reading.left_out,
        left_out_names=reading.left_out.names,
        notes=reading.notes,
        groups=reading.groups,
    )


def find_tracked(source: str) -> str | None:
    """Return the URI of a source that is just the photos of another run and so needs no new download.

    >>> find_tracked("runs:/1f/photos"), find_tracked("runs:/1f/photos,synthetic")
    ('runs:/1f/photos', None)
    """
    alternatives = parse_source(source)
    places = [place for alternative in alternatives for place in alternative.places]
    return places[0].text if [place.kind for place in places] == ["runs"] else None


def fetch_photos(
    source: str,
    folder: Path,
    *,
    keep_photos: str,
    resolve_uri: Callable[[str], Path],
    labels: str = "auto",
    labelled: bool = True,
) -> Manifest:
    """Fetch the photos of the first reachable source and write the `photos/` artifact.

    A source that cannot be reached, or that sends something other than an archive, is skipped with a warning, which is
    also written to the manifest. If a source is reachable but wrong (for example, only one class), that is for the user
    to fix, and no further source is tried.

    Args:
        source: One source, or several separated by commas; `grammar.py` describes all forms.
        folder: The artifact's folder, which must be empty or missing.
        keep_photos: "copy", or "reference" to write only the manifest and digests.
        resolve_uri: Turns `runs:/…` into a local folder; raises UserError if it cannot.
        labels: How to read the classes (see `pawprint/labels/choice.py`). With `auto`, another run's photos keep its
            reading.
        labelled: False for photos to predict: they need no classes.

    Returns:
        The manifest written.

    Raises:
        UserError: No source could be reached (the message has all reasons), or the photos cannot be used.
    """
    check_labels(labels)
    if keep_photos not in KEEP_PHOTOS:
        raise UserError(f"keep_photos is {keep_photos!r}; expected one of {', '.join(KEEP_PHOTOS)}")
    alternatives = parse_source(source)
    fallback: list[dict[str, str]] = []
    for position, alternative in enumerate(alternatives):
        try:
            received = [
                one
                for place in alternative.places
                for one in receive_place(
                    place,
                    resolve_uri=resolve_uri,
                    wait_seconds=WAIT_SECONDS / len(alternative.places),
                    busy_seconds=patience_for(alternatives, position),
                )
            ]
        except UnreachableError as error:
            if len(alternatives) == 1:
                raise
            fallback.append({"source": alternative.text, "reason": str(error)})
            following = [each.text for each in alternatives[position + 1 :]]
            then = f"trying {following[0]} instead" if following else "no other is left"
            LOG.warning("photos: source %s cannot be used (%s); %s", alternative.text, error, then)
            continue
        if fallback:
            LOG.warning("photos: using %s, NOT %s", alternative.text, ", ".join(one["source"] for one in fallback))
        return write_artifact(
            received,
            folder,
            source=alternative.text,
            requested=source,
            keep_photos=keep_photos,
            fallback=fallback,
            labels=labels,
            labelled=labelled,
        )
    reasons = "; ".join(f"{one['source']} ({one['reason']})" for one in fallback)
    raise UserError(f"none of the sources can be used: {reasons}")


def _check_alternative(alternative: Alternative, *, labels: str, labelled: bool) -> Reading | None:
    local = [receive_path(place) for place in alternative.places if place.kind == "path"]
    listable = [one for one in local if one.kind in {"zip", "folder"}]
    return check_classes(listable, labels=labels, partial=len(listable) < len(alternative.places), labelled=labelled)
