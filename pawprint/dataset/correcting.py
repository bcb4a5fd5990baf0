"""Apply corrections to photos that are already chosen and divided, so that none of them changes sides.

The split is made as if nothing was corrected: by the original labels, which set each class's share. Then chosen photos
get their new labels, and those left out leave a gap that no other photo fills. So results before and after are of the
same test photos. Photos that only their labels kept out (a picture under two labels, a class of one photo) come back as
training photos, if nothing of theirs is in the test or in validation.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pawprint.base.errors import UserError
from pawprint.dataset.additions import ADDED, Additions
from pawprint.dataset.copies import drop_conflicts, treat_near_duplicates
from pawprint.dataset.corrections import (
    DISAGREE,
    KEEP,
    LEAVE_OUT,
    UNUSED,
    Correction,
    group_by_photo,
    name_disagreement,
    name_people,
    write_corrections,
)
from pawprint.dataset.division import Division
from pawprint.dataset.duplicates import drop_duplicates
from pawprint.dataset.index import write_quarantine
from pawprint.dataset.near_duplicates import NearDuplicates
from pawprint.dataset.selection import Decoder, Selection
from pawprint.dataset.splits import (
    FEWEST_TEST,
    FEWEST_TRAIN,
    SPLITS,
    Candidate,
    LeftOut,
    count_classes,
    join_groups,
    order_key,
)

RELABELLED, LEFT_OUT = "relabelled", "left out"
CONFIRMED, ALREADY = "confirmed", "the label is so already"
UNKNOWN, OTHER_LABEL = "no photo has this digest", "the old label is not what is there"
TEST = "a test photo, which only correct_test=true corrects"
_TO_SAY = (UNKNOWN, OTHER_LABEL, DISAGREE, TEST, UNUSED)
_MOST_NAMED, _MOST_LISTED = 3, 50


@dataclass(frozen=True)
class Corrected:
    """The photos after the corrections.

    Attributes:
        chosen: the photos of each split.
        candidates: all photos that could be chosen, with their labels of now.
        left_out: photos that the corrections leave out, directly or because too few of a class are left.
        outcomes: each correction, and what became of it.
        test_photos: how many test photos were corrected or left out.
        returned: how many photos came back to training.
        additions: the photos of another source.
    """

    chosen: dict[str, list[Candidate]]
    candidates: list[Candidate]
    left_out: list[LeftOut] = field(default_factory=list)
    outcomes: list[tuple[Correction, str]] = field(default_factory=list)
    test_photos: int = 0
    returned: int = 0
    additions: Additions = field(default_factory=Additions)

    @property
    def applied(self) -> list[Correction]:
        """The rows that changed something."""
        return [row for row, outcome in self.outcomes if outcome in {RELABELLED, LEFT_OUT, ADDED}]

    def write(self, folder: Path, left_out: Iterable[LeftOut]) -> None:
        """Write quarantine.csv, with other photos that are left out, and corrections.csv, if there are any."""
        used = {c.member for photos in self.chosen.values() for c in photos}
        still = [left for left in (*self.left_out, *left_out) if left.member not in used]
        write_quarantine(folder / "quarantine.csv", still)
        write_corrections(self.outcomes, folder / "corrections.csv")

    def describe(self) -> dict[str, Any]:
        """Return the facts for dataset.json; the run whose page was used last is the last of `runs`."""
        photos: dict[str, set[str]] = defaultdict(set)
        for row, outcome in self.outcomes:
            photos[outcome.partition(" (")[0].partition(":")[0]].add(row.digest)
        in_order = sorted(self.applied, key=lambda row: row.time)
        return {
            "summary": self.summary,
            "outcomes": {outcome: len(digests) for outcome, digests in sorted(photos.items())},
            "by": dict(Counter(row.reviewer for row in in_order).most_common(_MOST_LISTED)),
            "runs": list(dict.fromkeys(row.run for row in reversed(in_order) if row.run))[:_MOST_LISTED][::-1],
            "test_photos": self.test_photos,
            "returned": self.returned,
            **({"more": self.additions.source} if self.additions.source else {}),
        }

    @property
    def summary(self) -> str:
        """How many labels were corrected, by whom, when, and in the page of which run."""
        rows, photos = self.applied, {row.digest: outcome for row, outcome in self.outcomes}
        if not rows:
            return "no label was corrected"
        said = {RELABELLED: "{} label{s} corrected", LEFT_OUT: "{} photo{s} left out"}
        said[ADDED] = f"{{}} photo{{s}} of {self.additions.source} labelled and added"
        counts = Counter(photos.values())
        done = [text.format(n, s="s" * (n > 1)) for kind, text in said.items() if (n := counts[kind])]
        days = sorted({row.time[:10] for row in rows if row.time})
        when = f", {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""
        runs = sorted({row.run for row in rows if row.run})
        page = f", in the review page of run{'s' * (len(runs) > 1)} {' and '.join(runs[:3])}" if runs else ""
        return f"{' and '.join(done)} by {', '.join(name_people(rows))}{when}{page}"

    def explain(self) -> list[str]:
        """Return sentences on what was corrected, and on what could not be."""
        notes = []
        if self.applied:
            notes.append(f"{self.summary}; no other photo changes sides, and index.csv keeps the original labels")
        if self.additions.num_unlabelled:
            notes.append(
                f"{self.additions.num_unlabelled} photos of more={self.additions.source} are not used, since no "
                "correction labels them; those that are used are for training only"
            )
        if self.returned:
            notes.append(f"{self.returned} photos are used again, for training, now that their label is settled")
        if self.test_photos:
            notes.append(
                f"TEST PHOTOS: {self.test_photos} of them are corrected (correct_test=true); a better test set is "
                "another test set, so scores can't be compared with those of earlier runs"
            )
        for kind in _TO_SAY:
            names = sorted({row.name or row.digest[:12] for row, outcome in self.outcomes if outcome.startswith(kind)})
            if names:
                some = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
                notes.append(
                    f"corrections of {len(names)} photo{'s' * (len(names) > 1)} are not applied, because {kind}: "
                    f"{some}; corrections.csv of the dataset names all"
                )
        return notes


def apply_corrections(
    rows: Sequence[Correction],
    candidates: Sequence[Candidate],
    selection: Selection,
    decoder: Decoder,
    division: Division,
    near_duplicates: str,
    lost: Collection[str],
    *,
    correct_test: bool,
    additions: Additions = Additions(),  # noqa: B008 - it is frozen
) -> Corrected:
    """Return the photos with their labels corrected, and with those of another source.

    Args:
        rows: the result of `merge_corrections`, for photos of both sources.
        candidates: all readable photos, copies included, with the labels of their source.
        selection: how these were chosen and divided by their original labels.
        decoder: decodes photos that come back.
        division: how they were divided.
        near_duplicates: `group`, `drop` or `off` (see `copies`).
        lost: the classes that had too few photos.
        correct_test: whether test photos are corrected as well.
        additions: photos of another source, for training.

    Raises:
        UserError: no row names a photo that is here, or fewer than two classes are left.
    """
    chosen = selection.chosen
    if not rows:
        return Corrected({split: list(chosen[split]) for split in SPLITS}, list(candidates), additions=additions)
    near = None if near_duplicates == "off" else selection.near
    split_of = {c.sha256: split for split, photos in chosen.items() for c in photos}
    ours = [row for row in rows if row.digest not in additions.digests]
    decisions, outcomes = _decide(ours, candidates, split_of, correct_test=correct_test)
    outcomes += additions.outcomes
    if all(outcome == UNKNOWN for _, outcome in outcomes):
        raise UserError(
            f"corrections: no photo here has the digest of any of the {len(rows)} rows (the first is of "
            f"{rows[0].name or rows[0].digest!r}); they are of other photos"
        )
    relabelled = [
        replace(c, label=new, original=c.label) if (new := decisions.get(c.sha256, c.label)) != c.label and new else c
        for c in candidates
        if decisions.get(c.sha256, c.label) is not None
    ]
    relabelled += additions.photos
    now = {c.member: c for c in relabelled}
    after = {split: [now[c.member] for c in chosen[split] if c.member in now] for split in SPLITS}
    left_out = [
        LeftOut(c.member, "left out by a correction") for c in candidates if decisions.get(c.sha256, c.label) is None
    ]

    kept, _ = drop_duplicates(relabelled)
    usable, conflicts = drop_conflicts(kept, near.copies_of_one_hand()) if near else (kept, [])
    conflicting = {left.member: left for left in conflicts}
    for split in ("train", "validation"):
        left_out += [conflicting[c.member] for c in after[split] if c.member in conflicting]
        after[split] = [c for c in after[split] if c.member not in conflicting]

    kept_out = _find_kept_out(candidates, near, lost, decisions)
    waiting = kept_out - {c.member for photos in chosen.values() for c in photos}
    returning = [c for c in usable if c.member in waiting and c.named_split in {None, "train"}]
    if returning and not division.split_by_time:
        decoder.decode([c.member for c in returning if c.member not in decoder.rows], near)
        if near:
            near.search()
        groups = treat_near_duplicates(usable, near, near_duplicates).groups if near else []
        unit_of = join_groups(usable, groups)
        taken = {unit_of[c.member] for split in ("test", "validation") for c in after[split] if c.member in unit_of}
        returning = [c for c in returning if c.member in decoder.rows and unit_of[c.member] not in taken]
    else:
        returning = []
    added = {c.member for c in additions.photos}
    left_out += [conflicting[member] for member in sorted(added & conflicting.keys())]
    if coming := [*returning, *(c for c in usable if c.member in added)]:
        after["train"] = sorted(
            [*after["train"], *coming], key=lambda c: (order_key(division.seed, c.sha256), c.member)
        )
    left_out += _drop_small_classes(after)

    used = {c.sha256 for photos in after.values() for c in photos}
    there = {
        RELABELLED: used,
        ADDED: used,
        LEFT_OUT: {*split_of, *(c.sha256 for c in candidates if c.member in kept_out)},
    }
    reasons = {now[left.member].sha256: f": {left.reason}" for left in left_out if left.member in now}
    ended = [
        (row, outcome if row.digest in there.get(outcome, {row.digest}) else f"{UNUSED}{reasons.get(row.digest, '')}")
        for row, outcome in outcomes
    ]
    changed = {row.digest for row, outcome in ended if outcome in {RELABELLED, LEFT_OUT}}
    test_photos = len(changed & {c.sha256 for c in chosen["test"]})
    everything = [*(now.get(c.member, c) for c in candidates), *additions.compared]
    return Corrected(after, everything, left_out, ended, test_photos, len(returning), additions)


def _decide(
    rows: Sequence[Correction], candidates: Iterable[Candidate], split_of: Mapping[str, str], *, correct_test: bool
) -> tuple[dict[str, str | None], list[tuple[Correction, str]]]:
    """Return the new label of each photo that changes, None for none, and what is to become of each row."""
    present: dict[str, list[Candidate]] = defaultdict(list)
    for c in candidates:
        present[c.sha256].append(c)
    decisions: dict[str, str | None] = {}
    outcomes = []
    for digest, same in group_by_photo(rows).items():
        labels = {c.label for c in present[digest]}
        tests = split_of.get(digest) == "test" or any(c.named_split == "test" for c in present[digest])
        row = same[0]
        if not labels:
            outcome = UNKNOWN
        elif disagreement := name_disagreement(same):
            outcome = disagreement
        elif labels == {row.decision}:
            outcome = CONFIRMED if row.action == KEEP else ALREADY
        elif row.old_label not in labels:
            outcome = f"{OTHER_LABEL} ({' and '.join(sorted(labels))})"
        elif tests and not correct_test:
            outcome = TEST
        else:
            decisions[digest] = row.decision
            outcome = LEFT_OUT if row.action == LEAVE_OUT else RELABELLED
        outcomes += [(one, outcome) for one in same]
    return decisions, outcomes


def _find_kept_out(
    candidates: Sequence[Candidate],
    near: NearDuplicates | None,
    lost: Collection[str],
    decisions: Mapping[str, str | None],
) -> set[str]:
    """Return the photos that were not used because of their labels alone."""
    kept, doubled = drop_duplicates(candidates)
    named = {left.member for left in doubled if not left.reason.startswith("duplicate of")}
    if near:
        named |= {left.member for left in drop_conflicts(kept, near.copies_of_one_hand())[1]}
    return named | {c.member for c in kept if c.label in lost and c.sha256 in decisions}


def _drop_small_classes(after: dict[str, list[Candidate]]) -> list[LeftOut]:
    """Take out the classes that the corrections leave too few photos, and return these."""
    counts = count_classes(after)
    reasons = {
        label: f"class {label!r} is left out: after the corrections it has {counts['train'].get(label, 0)} photos for "
        f"training and {counts['test'].get(label, 0)} for the test; a class needs {FEWEST_TRAIN} and {FEWEST_TEST}"
        for label in {label for of in counts.values() for label in of}
        if counts["train"].get(label, 0) < FEWEST_TRAIN or counts["test"].get(label, 0) < FEWEST_TEST
    }
    if len(set(counts["train"]) - set(reasons)) < 2:
        raise UserError(
            "a classifier needs two classes, and the corrections leave fewer: " + "; ".join(sorted(reasons.values()))
        )
    left_out = [LeftOut(c.member, reasons[c.label]) for photos in after.values() for c in photos if c.label in reasons]
    for split, photos in after.items():
        after[split] = [c for c in photos if c.label not in reasons]
    return left_out
