"""Find pictures derived from the photos (masks, trimaps, depth, copies in another format) by their names."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from pawprint.archives.name_words import OTHER_PICTURES
from pawprint.labels.folder_names import is_container, name_split, split_suffix, split_tokens
from pawprint.labels.folders import split_path

MASK = "a mask or another picture of the photo beside it"

MARKED = re.compile(
    r"(?P<stem>.+?)[ _-]+"
    r"(mask|seg|segmentation|label|gt|groundtruth|depth|trimap|annotation|thumb|overlay|matte|alpha)s?([ _-]\d+)?",
    re.IGNORECASE,
)
FORMATS = ("gif", "png", "webp", "bmp", "tif", "jpg")
"""Ordered from the formats of masks to those of photos."""
SAMPLES = 8
"""Pairs whose files are read if names alone do not decide."""
SMALLER = 0.4
"""A mask's largest share of its photo's bytes."""


def find_other_pictures(photos: Sequence[str], read: Callable[[str], bytes]) -> dict[str, str]:
    """Return the members that are derived from the photos beside them, with the reason to set them aside.

    Args:
        photos: All members.
        read: Returns a member's bytes; called for a few members if names do not decide.
    """
    paths = {member: split_path(member) for member in photos}
    found = dict.fromkeys(_find_marked(paths), MASK)
    found |= dict.fromkeys(_find_in_folders({m: path for m, path in paths.items() if m not in found}), MASK)
    rest = {member: path for member, path in paths.items() if member not in found}
    return found | dict.fromkeys(_find_twins(rest, read), MASK)


def _stem(path: tuple[str, ...]) -> str:
    return split_suffix(path[-1])[0]


def _find_marked(paths: dict[str, tuple[str, ...]]) -> list[str]:
    """Find `benign (1)_mask.png` beside `benign (1).png`."""
    stems = {(path[:-1], _stem(path)) for path in paths.values()}
    return [
        member
        for member, path in paths.items()
        if (match := MARKED.fullmatch(_stem(path))) and (path[:-1], match["stem"]) in stems
    ]


def _find_in_folders(paths: dict[str, tuple[str, ...]]) -> list[str]:
    """Find `masks/1.png` beside `images/1.jpg`: a folder of such a name, and files of the same stems beside it."""
    inside: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for member, path in paths.items():
        for depth, name in enumerate(path[:-1]):
            if OTHER_PICTURES & set(split_tokens(name)):
                inside[path[: depth + 1]].append(member)
                break
    beside: dict[tuple[str, ...], set[str]] = {folder[:-1]: set() for folder in inside}
    for path in paths.values():
        for depth in range(len(path)):
            stems = beside.get(path[:depth])
            if stems is not None and _holds_photos(path[depth:]):
                stems.add(_stem(path))
    found = []
    for folder, members in inside.items():
        stems = beside[folder[:-1]]
        alike = sum(_bare(_stem(paths[member])) in stems or _stem(paths[member]) in stems for member in members)
        if alike >= 0.8 * len(members):
            found += members
    return found


def _holds_photos(path: tuple[str, ...]) -> bool:
    """Return whether a path beside a folder of masks holds photos: directly, or in `images/` or `train/`."""
    if len(path) == 1:
        return True
    named = name_split(path[0])
    return not OTHER_PICTURES & set(split_tokens(path[0])) and (is_container(path[0]) or named is not None)


def _bare(stem: str) -> str:
    match = MARKED.fullmatch(stem)
    return match["stem"] if match else stem


def _find_twins(paths: dict[str, tuple[str, ...]], read: Callable[[str], bytes]) -> list[str]:
    """Find `4727.png` beside `4727.jpg`, if nearly all photos come in such pairs."""
    beside: dict[tuple[tuple[str, ...], str], dict[str, str]] = defaultdict(dict)
    for member, path in paths.items():
        beside[path[:-1], _stem(path)][_suffix(path)] = member
    counts = Counter(_suffix(path) for path in paths.values())
    for suffix in sorted(counts, key=lambda suffix: (counts[suffix], _rank(suffix), suffix)):
        pairs = [
            (twins[suffix], twins[max(set(twins) - {suffix}, key=counts.__getitem__)])
            for twins in beside.values()
            if suffix in twins and len(twins) > 1
        ]
        if len(pairs) < 2 or len(pairs) < 0.9 * counts[suffix]:
            continue
        both = len(pairs) >= 0.99 * len(paths) / 2
        if both or _are_masks(pairs, read):
            return [other for other, _ in pairs]
    return []


def _rank(suffix: str) -> int:
    return FORMATS.index(suffix) if suffix in FORMATS else 2


def _suffix(path: tuple[str, ...]) -> str:
    suffix = split_suffix(path[-1])[1].lower().lstrip(".")
    return {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif"}.get(suffix, suffix)


def _are_masks(pairs: list[tuple[str, str]], read: Callable[[str], bytes]) -> bool:
    """Return whether most files of a sample are far smaller than the photos beside them: few colours take few bytes."""
    sample = pairs[:: max(1, len(pairs) // SAMPLES)][:SAMPLES]
    return sum(len(read(other)) <= SMALLER * len(read(photo)) for other, photo in sample) >= 0.75 * len(sample)
