"""Add the photos of another source that corrections label, to the training photos only.

Validation and test photos stay what they are, so results before and after are of the same photos. A photo whose copy or
scene is among these is not added. A photo that no correction labels is not added either, even where a folder names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pawprint.base.errors import UserError
from pawprint.dataset.corrections import UNUSED, Correction, group_by_photo, name_disagreement
from pawprint.dataset.selection import Decoder, Selection
from pawprint.dataset.splits import Candidate

PREFIX = "more:"
"""Before the name of such a photo, since two sources may use the same names."""
ADDED, REFUSED = "added to the training photos", "not added, as its reviewer left it out"
SEEN = "a copy or scene of it is among the test or validation photos"
COPY = "near_duplicates=drop, and a copy of it is used"


@dataclass(frozen=True)
class Additions:
    """Photos to add.

    Attributes:
        photos: the photos, with the labels of the corrections.
        compared: these, and those that turned out near duplicates.
        outcomes: each correction of a photo of the other source, and what became of it.
        num_unlabelled: how many of its photos no correction names.
        source: the other source; "" if there is none.
    """

    photos: Sequence[Candidate] = ()
    compared: Sequence[Candidate] = ()
    outcomes: Sequence[tuple[Correction, str]] = ()
    num_unlabelled: int = 0
    source: str = ""

    @property
    def digests(self) -> set[str]:
        """The photos that corrections name."""
        return {row.digest for row, _ in self.outcomes}


@dataclass(frozen=True)
class More:
    """The photos of another source, by digest; of equal files, the first by name.

    Attributes:
        photos: the photos, without a label, for training.
        source: the source.
    """

    photos: Mapping[str, Candidate] = field(default_factory=dict)
    source: str = ""


def check_more(more: str, corrections: str, *, group: str = "", split_by_time: str = "") -> None:
    """Check that the photos of another source can be added.

    Raises:
        UserError: nothing labels them, or it is not known which of them belong to photos of the test.
    """
    if not more:
        return
    if not corrections.strip():
        raise UserError(f"more={more} adds photos that corrections label; give corrections=<corrections.csv> as well")
    for name, value in (("group", group), ("split_by_time", split_by_time)):
        if value:
            raise UserError(
                f"more={more} can't be given with {name}={value}: nothing says which of these photos belong to those "
                "of the test; put them into the source"
            )


def choose_additions(
    rows: Iterable[Correction],
    more: More,
    candidates: Iterable[Candidate],
    selection: Selection,
    decoder: Decoder,
    near_duplicates: str,
) -> Additions:
    """Return the photos to add.

    Args:
        rows: the result of `merge_corrections`.
        more: the photos of the other source.
        candidates: all photos of the first source, which are never added.
        selection: how these were divided; its near duplicates then know the others too.
        decoder: decodes the photos to add.
        near_duplicates: `group`, `drop` or `off` (see `copies`).
    """
    own = {c.sha256 for c in candidates}
    labelled: dict[str, Candidate] = {}
    outcome_of: dict[str, str] = {}
    found = {d: same for d, same in group_by_photo(rows).items() if d in more.photos and d not in own}
    for digest, same in found.items():
        if disagreement := name_disagreement(same):
            outcome_of[digest] = disagreement
        elif (label := same[0].decision) is None:
            outcome_of[digest] = REFUSED
        else:
            labelled[digest] = replace(more.photos[digest], label=label, original="")
    near = None if near_duplicates == "off" else selection.near
    unreadable = decoder.decode(sorted(c.member for c in labelled.values()), near)
    reasons = {left.member: left.reason for left in unreadable}
    compared = [c for c in labelled.values() if c.member not in reasons]
    if near:
        near.search()
        judging = {c.member for split in ("validation", "test") for c in selection.chosen[split]}
        reasons |= {member: SEEN for group in near.groups() if group & judging for member in group}
        if near_duplicates == "drop":
            used = {c.member for photos in selection.chosen.values() for c in photos}
            for copies in near.copies():
                ours = sorted(member for member in copies if member.startswith(PREFIX) and member not in reasons)
                reasons |= dict.fromkeys(ours[0 if copies & used else 1 :], COPY)
    photos = [c for c in compared if c.member not in reasons]
    for digest, c in labelled.items():
        outcome_of[digest] = f"{UNUSED}: {reasons[c.member]}" if c.member in reasons else ADDED
    outcomes = [(row, outcome_of[digest]) for digest, same in found.items() for row in same]
    return Additions(photos, compared, outcomes, len(more.photos.keys() - own - found.keys()), more.source)
