"""The folders of a listing before classes are read: finds splits, and sets derived pictures and stray photos aside."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pawprint.archives.left_out import LeftOut
from pawprint.archives.members import UNLABELLED
from pawprint.labels.folder_names import kind_of_names, strip_series
from pawprint.labels.folders import Placed, build_tree, place_photos
from pawprint.labels.other_pictures import find_other_pictures
from pawprint.labels.readings import Labelled, Listing, Reading

FEW = 0.2
"""Share of the photos; levels of folders further down that hold less are parts of a class, not a level of classes."""


@dataclass(frozen=True)
class Layout:
    """The photos of a listing, with their folders.

    Attributes:
        placed: Photos that may have a class, sorted by member.
        reasons: The other photos, and why they are set aside.
    """

    placed: tuple[Placed, ...]
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """One level of folders, counted below the folders that all photos share.

    Attributes:
        position: The level's index among the folder names of each photo.
        names: Number of photos in or below each folder name.
        kind: What the names are: "plain" if they may be classes.
        label: The class of each folder name.
        choice: The value of the parameter `labels` that chooses the level.
    """

    position: int
    names: Counter[str]
    kind: str
    label: dict[str, str]
    choice: str

    @property
    def classes(self) -> Counter[str]:
        """Number of photos by class."""
        counts: Counter[str] = Counter()
        for name, number in self.names.items():
            counts[self.label[name]] += number
        return counts


def read_layout(listing: Listing) -> Layout:
    """Find the splits, and set derived pictures, previews, copies and strays aside."""
    reasons = find_other_pictures(listing.photos, listing.read)
    placed = place_photos(build_tree(member for member in listing.photos if member not in reasons), reasons)
    return Layout(tuple(sorted(placed, key=lambda one: one.member)), reasons)


def find_levels(layout: Layout) -> list[Level]:
    """Return the levels of folders that divide the photos, from the top."""
    most = max((len(one.names) for one in layout.placed), default=0)
    levels = []
    for position in range(most):
        inside = [one for one in layout.placed if len(one.names) > position]
        names = Counter(one.names[position][1] for one in inside)
        if len(names) < 2:
            continue
        stripped = {name: strip_series(name) for name in names}
        parts = len(set(stripped.values()))
        if all(stripped[name] != name for name in names) and 2 <= parts < len(names) + 1:
            word = next(iter(names)).removesuffix(stripped[next(iter(names))]).rstrip("0123456789 _-")
            choice = rf"{word}[ _-]?\d+[ _-]+(?P<label>[^/]+)/"
        else:
            stripped = {name: name for name in names}
            choice = _choose_depth(inside, position)
        levels.append(Level(position, names, kind_of_names(set(stripped.values())), stripped, choice))
    largest = max((level.names.total() for level in levels), default=0)
    return [level for level in levels if level.names.total() >= FEW * largest]


def _choose_depth(inside: Sequence[Placed], position: int) -> str:
    """Return the value of `labels` for a level: counted from the top, or from the photo if that gives the same."""
    depths = {one.names[position][0] for one in inside}
    if len(depths) == 1:
        return f"folder:{depths.pop()}"
    heights = {one.member.count("/") + 1 - one.names[position][0] for one in inside}
    return f"folder:{-heights.pop()}" if len(heights) == 1 else "folder"


def build_reading(
    layout: Layout,
    labelled: Iterable[Labelled],
    *,
    labels: str,
    explanation: str,
    groups: tuple[str, ...] = (),
    reasons: Mapping[str, str] | None = None,
) -> Reading:
    """Return a reading of the photos that have a class, and all others with the reason why they have none.

    Args:
        layout: All photos.
        labelled: The photos with a class.
        labels: The value of the parameter that chooses the reading.
        explanation: Why the reading is possible.
        groups: Suggested values of the parameter `group`.
        reasons: Why photos have no class, if the reason is another than that nothing names one.
    """
    known = {one.member: one for one in labelled}
    reasons = {**layout.reasons, **(reasons or {})}
    left_out = LeftOut()
    for member in sorted({one.member for one in layout.placed} | set(layout.reasons)):
        if member not in known:
            left_out.add(reasons.get(member, UNLABELLED), member)
    return Reading(labels, explanation, tuple(known[member] for member in sorted(known)), left_out, groups=groups)
