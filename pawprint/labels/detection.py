"""Recognise sets for detection or segmentation, whose labels say where things are: boxes, outlines, masks."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import PurePosixPath

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.labels.readings import Listing
from pawprint.labels.tabular.exports import has_boxes
from pawprint.labels.tabular.limits import TableError
from pawprint.labels.tabular.matching import cut_suffix, split_path
from pawprint.labels.tabular.records import load_json
from pawprint.labels.tabular.text import decode_text

SAMPLE = 20
SHARE = 0.5
"""Share of the photos that have an annotation of their own, and of the sampled annotations that hold boxes."""
NUMBER = r"-?\d+(\.\d+)?([eE]-?\d+)?"
YOLO_LINE = re.compile(rf"\d+(\s+{NUMBER}){{4,}}")
MASK_FOLDER = re.compile(
    r"(\w*[_-])?(masks?|segmentation\w*|trimaps?|annotations?|gt|ground_?truth|labels?)", re.IGNORECASE
)


def explain_detection(listing: Listing) -> str | None:
    """Return why a source is a set for detection or segmentation, in one sentence, or None if it is not.

    Many sets with classes also have boxes or masks, so this matters only if nothing else gives the classes.
    """
    advice = "give a folder or a table that names one class for each photo"
    for suffix, kind, looks in (
        (".txt", "YOLO's boxes", _is_yolo),
        (".xml", "Pascal VOC's boxes", _is_voc),
        (".json", "outlines (LabelMe)", _is_labelme),
    ):
        members = _beside_photos(listing, suffix)
        if len(members) >= SHARE * len(listing.photos) and _mostly(looks, _read_texts(listing, members)):
            return (
                f"it is a set for detection: {len(members):,} of {len(listing.photos):,} photos have {kind} in a file "
                f"of their own, such as {members[0]}, and a classifier needs one class for each; {advice}"
            )
    for member in [name for name in listing.companions if name.lower().endswith(".json")][:SAMPLE]:
        if any(_has_boxes(text) for text in _read_texts(listing, [member])):
            return (
                f"it is a set for detection or segmentation: {member} holds boxes or outlines, "
                f"and a classifier needs one class for each; {advice}"
            )
    masks = _find_masks(listing.photos)
    if masks and len(masks) >= 0.9 * (len(listing.photos) - len(masks)):
        return (
            f"it is a set for segmentation: {len(masks):,} of {len(listing.photos):,} pictures, such as {masks[0]}, "
            f"are masks of the others, and a classifier needs one class for each photo; {advice}"
        )
    return None


def _beside_photos(listing: Listing, suffix: str) -> list[str]:
    """Return the companions that have a photo's name with another suffix."""
    stems = {cut_suffix(parts[-1])[0] for photo in listing.photos if (parts := split_path(photo))}
    return [
        member
        for member in listing.companions
        if (path := PurePosixPath(member.replace("\\", "/"))).suffix.lower() == suffix and path.stem in stems
    ]


def _read_texts(listing: Listing, members: list[str]) -> Iterable[str]:
    step = max(1, len(members) // SAMPLE)
    for member in islice(members[::step], SAMPLE):
        try:
            yield decode_text(listing.read(member))
        except (TableError, UserError, UnreadableMemberError):
            continue


def _mostly(looks: Callable[[str], bool], texts: Iterable[str]) -> bool:
    found = [looks(text) for text in texts if text.strip()]
    return sum(found) > SHARE * len(found)


def _is_yolo(text: str) -> bool:
    return all(YOLO_LINE.fullmatch(line.strip()) for line in text.splitlines() if line.strip())


def _is_voc(text: str) -> bool:
    return "<annotation" in text and ("<bndbox" in text or "<polygon" in text)


def _is_labelme(text: str) -> bool:
    return '"shapes"' in text and '"points"' in text


def _has_boxes(text: str) -> bool:
    try:
        return has_boxes(load_json(text))
    except TableError:
        return False


def _find_masks(photos: Iterable[str]) -> list[str]:
    """Return the pictures in folders named `masks` or similar whose file names match photos in other folders."""
    masks, others = [], set()
    for photo in photos:
        parts = split_path(photo)
        if any(MASK_FOLDER.fullmatch(part) for part in parts[:-1]):
            masks.append(photo)
        elif parts:
            others.add(cut_suffix(parts[-1])[0])
    named = [
        photo
        for photo in masks
        if re.sub(r"[_-](mask|seg\w*|gt|label)$", "", cut_suffix(split_path(photo)[-1])[0]) in others
    ]
    return named if len(named) > 0.9 * len(masks) else []
