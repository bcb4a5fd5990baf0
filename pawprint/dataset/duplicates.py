"""Drop copies of the same file, so that no copy is on the other side of a split."""

from collections import defaultdict
from collections.abc import Iterable

from pawprint.dataset.splits import Candidate, LeftOut


def drop_duplicates(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[LeftOut]]:
    """Keep one copy of each photo, so that no copy is on the other side of a split.

    Of equal files, the one in a test folder is kept, else the one in a validation folder, else the first by name: a
    test photo must not be trained on, and a test set must stay as published. Equal files with two labels are all left
    out, as the right label is unknown.

    Returns:
        The photos kept, sorted by member name, and those left out with the reason.
    """
    copies: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        copies[candidate.sha256].append(candidate)
    rank = {"test": 0, "validation": 1}
    kept: list[Candidate] = []
    left_out: list[LeftOut] = []
    for group in copies.values():
        first, *others = sorted(group, key=lambda c: (rank.get(c.named_split or "", 2), c.member))
        labels = sorted({c.label for c in group})
        if len(labels) > 1:
            reason = f"the same photo has the labels {' and '.join(labels)}"
            left_out += [LeftOut(c.member, reason) for c in group]
            continue
        kept.append(first)
        left_out += [LeftOut(c.member, f"duplicate of {first.member}") for c in others]
    return sorted(kept, key=lambda c: c.member), sorted(left_out, key=lambda left: left.member)
