"""Recognise photos that look like series of one subject, to suggest the parameter `group`; decides nothing."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from pawprint.dataset.exif import BURST_SECONDS, Taken, find_bursts
from pawprint.dataset.groups import BURST, match_name
from pawprint.photos.collection import Photo

EXPRESSIONS = (
    r"^([A-Za-z]+\d+)[_-]",  # P12_003, clip7_frame0123, person1946_bacteria_4874
    r"^(\d+)[_-]",  # 0012_c1s1_000151
    r"^(.+?)[_-]\D*\d+\.\w+$",  # v_Archery_g01_c01_f0001, IM-0115-0001
    r"([^/]+)/[^/]+$",  # v_Archery_g01_c01/frame_0001
    r"([^/]+/\d+)[_-]\d+\.\w+$",  # 00014/00012_00029: numbers that start again in each class
)
"""The common part of a series in well-known sets' file names; tried in this order."""
SUBJECTS = re.compile(
    r"(patient|subject|person|participant|individual|animal|lesion|session|scene|clip|video|sequence|series|burst|case)"
    r"(_?(id|no|nr|number|name))?",
    re.IGNORECASE,
)
"""Names of columns that say whose photo, or of which scene, it is."""
MIN_MEAN = 1.5
"""Smallest mean number of photos in a group."""
MIN_GROUPS = 3
"""Smallest number of groups for each class; parts of a name that mean a class or a camera have fewer values."""
MAX_STEP = 100
"""Usual largest difference between the counters of two consecutive photos in a series."""
MIN_BURSTS = 0.1
"""Smallest share of the examined photos that must be in a burst."""


def suggest_group(photos: Mapping[str, Photo], columns: Sequence[str], taken: Mapping[str, Taken]) -> str | None:
    """Return a sentence that suggests `group`, with the parameter to type, if photos look like series; else None.

    Args:
        photos: By name.
        columns: Names of the table's columns.
        taken: When and by what camera some of the photos were taken.
    """
    num_classes = len({photo.label for photo in photos.values()})
    for place, column in enumerate(columns):
        if SUBJECTS.fullmatch(column):
            found = {name: own for name, photo in photos.items() if (own := photo.columns[place].strip())}
            if _are_groups(found, len(photos), num_classes):
                return _ask(f"the table has a column {column!r}", f"group={column}", found)
    for text in EXPRESSIONS:
        pattern = re.compile(text)
        found = {n: value for n, photo in photos.items() if (value := match_name(pattern, photo.member)) is not None}
        if _are_groups(found, len(photos), num_classes) and _are_counted(found, photos):
            return _ask("the names look like series", f"group='{text}'", found)
    if len(bursts := find_bursts({name: when for name, when in taken.items() if name in photos})) > MIN_BURSTS * max(
        20, len(taken)
    ):
        cause = (
            f"{len(bursts)} of {len(taken)} photos were taken by one camera within {BURST_SECONDS} seconds of others"
        )
        return _ask(cause, f"group={BURST}", bursts)
    return None


def _ask(cause: str, parameter: str, found: Mapping[str, str]) -> str:
    sizes = Counter(found.values())
    value, number = max(sizes.items(), key=lambda item: (item[1], item[0]))
    return (
        f"{cause} ({len(sizes)}; the largest, {value!r}, has {number} photos): if those of one show the same subject, "
        f"say -P {parameter}, so that none stands on two sides of the split; until then the test may be too easy"
    )


def _are_groups(found: Mapping[str, str], num_photos: int, num_classes: int) -> bool:
    """Return whether most photos are in groups of more than one on average, far more groups than there are classes."""
    sizes = Counter(found.values())
    return (
        len(found) > num_photos / 2
        and len(sizes) >= MIN_GROUPS * num_classes
        and len(found) >= MIN_MEAN * len(sizes)
        and max(sizes.values()) < num_photos / 3
    )


def _are_counted(found: Mapping[str, str], photos: Mapping[str, Photo]) -> bool:
    """Return whether the names in a group count up in small steps; numbers of unrelated photos jump."""
    counters: dict[str, list[int]] = defaultdict(list)
    for name, value in found.items():
        numbers = re.findall(r"\d+", photos[name].member.rsplit("/", 1)[-1].rsplit(".", 1)[0])
        if numbers:
            counters[value].append(int(numbers[-1][-9:]))
    steps = [b - a for values in counters.values() for a, b in pairwise(sorted(set(values)))]
    return bool(steps) and median(steps) <= MAX_STEP
