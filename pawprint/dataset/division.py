"""The division of photos into training, validation and test, and the classes that it has to leave out.

A class needs two photos to learn from and one for the test. What the photos lack costs the class, which is named; what
a parameter would cost is refused, with the parameter's name.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pawprint.base.errors import UserError
from pawprint.dataset.splits import (
    FEWEST_TEST,
    FEWEST_TRAIN,
    SPLITS,
    Candidate,
    LeftOut,
    assign_splits,
    count_classes,
    join_groups,
)
from pawprint.dataset.times import divide_by_time
from pawprint.photos.collection import Photo

Groups = Sequence[Collection[str]]
_NEEDS = f"a class needs {FEWEST_TRAIN} photos to learn from and {FEWEST_TEST} for the test"


@dataclass(frozen=True)
class Division:
    """How photos are to be divided.

    Attributes:
        train_images: See `assign_splits`.
        test_images: See `assign_splits`.
        validation_fraction: See `assign_splits`.
        seed: Orders the photos.
        group: What the candidates' groups are, for messages; "" for none.
        split_by_time: What the candidates' times are; "" where they are not divided by time.
    """

    train_images: int
    test_images: int
    validation_fraction: float
    seed: int
    group: str = ""
    split_by_time: str = ""

    def divide(self, candidates: Sequence[Candidate], groups: Groups) -> dict[str, list[Candidate]]:
        """Choose and divide photos, without the classes that have too few (see `find_lost_classes`).

        Args:
            candidates: Without duplicates.
            groups: The members of each group of near duplicates.

        Returns:
            For each of `SPLITS` its photos.

        Raises:
            UserError: The counts, `group` or `split_by_time` would cost a class.
        """
        remaining = list(candidates)
        while remaining:
            chosen = self._assign(remaining, groups)
            lacking = _find_lacking(chosen, {c.label for c in remaining})
            if not lacking:
                return chosen
            self._check_asked(remaining, groups, chosen, lacking)
            remaining = [c for c in remaining if c.label not in lacking]
        return {split: [] for split in SPLITS}

    def check_validation(self, chosen: Mapping[str, Sequence[Candidate]]) -> None:
        """Refuse a division without validation photos where `group` or `split_by_time` is what took them.

        Raises:
            UserError: Naming the parameter.
        """
        asked = [f"{name}={value}" for name in ("group", "split_by_time") if (value := getattr(self, name))]
        if asked and self.validation_fraction and not chosen["validation"]:
            raise UserError(
                f"{' and '.join(asked)} can't be divided into training, validation and test: there are too few groups "
                "or times; say validation_fraction=0 and patience=0, or a group of which there are more"
            )

    def _assign(self, candidates: Sequence[Candidate], groups: Groups) -> dict[str, list[Candidate]]:
        counts = {"train_images": self.train_images, "test_images": self.test_images}
        if self.split_by_time:
            candidates = divide_by_time(candidates, groups, **counts, validation_fraction=self.validation_fraction)
        return assign_splits(
            candidates,
            **counts,
            validation_fraction=self.validation_fraction,
            seed=self.seed,
            groups=groups,
            fill=not self.split_by_time,
        )

    def _check_asked(
        self,
        candidates: Sequence[Candidate],
        groups: Groups,
        chosen: Mapping[str, Sequence[Candidate]],
        lacking: Collection[str],
    ) -> None:
        """Refuse to lose a class that would be there if nothing had been asked for."""
        labels = {c.label for c in candidates}

        def spare(division: Division, photos: Sequence[Candidate], groups: Groups = groups) -> set[str]:
            return set(lacking) - _find_lacking(division._assign(photos, groups), labels)

        def explain(lost: Collection[str]) -> str:
            counts = count_classes(chosen)
            return _name_some(
                lost,
                lambda label: (
                    f"{counts['train'].get(label, 0)} for training, {counts['test'].get(label, 0)} for the test"
                ),
            )

        if lost := spare(replace(self, train_images=0, test_images=0), candidates):
            raise UserError(
                f"train_images={self.train_images} and test_images={self.test_images}, shared by {len(labels)} "
                f"classes, give too few photos to {explain(lost)}; {_NEEDS}: ask for more, or for all with 0"
            )
        if self.split_by_time and (lost := spare(replace(self, split_by_time=""), candidates)):
            raise UserError(
                f"split_by_time={self.split_by_time} leaves too few photos, before or after, to {explain(lost)}; "
                f"{_NEEDS}: take these classes out of the source, take another column, or leave split_by_time empty"
            )
        joined = len(set(join_groups(candidates, groups).values()))
        if groups and (lost := spare(self, candidates, [])):
            named = f"group={self.group} and near duplicates" if self.group else "near duplicates"
            raise UserError(
                f"{named} join {len(candidates)} photos to {joined} groups that can't be divided, which leaves too "
                f"few to {explain(lost)}; {_NEEDS}: look at what resembles each other, or say near_duplicates=off"
            )
        if self.group and (lost := spare(self, [replace(c, group=None) for c in candidates])):
            raise UserError(
                f"group={self.group} leaves too few photos to {explain(lost)}; {_NEEDS}, of different groups: add "
                "photos of other groups, take these classes out of the source, or say another group"
            )


def find_lost_classes(
    photos: Mapping[str, Photo], chosen: Mapping[str, Sequence[Candidate]], left_out: Sequence[LeftOut]
) -> dict[str, str]:
    """Return the classes that have too few photos to be learned and judged, each with what it has.

    Args:
        photos: All there are, by name.
        chosen: What `Division.divide` gave.
        left_out: Photos that can't be used for a reason of their own.
    """
    used = {c.label for c in chosen["train"]}
    lost = {}
    for label in sorted({photo.label for photo in photos.values()} - used):
        own = [photo for photo in photos.values() if photo.label == label]
        text = f"{len(own)} photo{'s' * (len(own) != 1)}"
        reasons = [left.reason for left in left_out if photos[left.member].label == label]
        kinds = {
            "unreadable": sum(reason.startswith("unreadable") for reason in reasons),
            "duplicates": sum(reason.startswith(("duplicate", "the same photo")) for reason in reasons),
            "near duplicates": sum(reason.startswith("near duplicate") for reason in reasons),
        }
        if any(kinds.values()):
            text += f", {' and '.join(f'{number} {kind}' for kind, number in kinds.items() if number)} among them"
        elif len(own) > FEWEST_TRAIN and {photo.split for photo in own} == {"test"}:
            text += ", all in the test folder"
        lost[label] = text
    return lost


def describe_lost_classes(lost: Mapping[str, str], num_classes: int) -> list[str]:
    """Say which classes are left out, and why.

    Args:
        lost: Of `find_lost_classes`.
        num_classes: How many are left.

    Raises:
        UserError: Fewer than two are left.
    """
    if num_classes < 2:
        raise UserError(
            f"a classifier needs two classes, and {num_classes or 'none'} is left: too few photos have "
            f"{_name_some(lost, lost.__getitem__)}; {_NEEDS}: add photos"
        )
    if not lost:
        return []
    return [
        f"{len(lost)} class{'es have' if len(lost) > 1 else ' has'} too few photos and "
        f"{'are' if len(lost) > 1 else 'is'} left out ({_NEEDS}): {_name_some(lost, lost.__getitem__)}: "
        "quarantine.csv names the photos"
    ]


def describe_sides(candidates: Sequence[Candidate], chosen: Mapping[str, Sequence[Candidate]]) -> list[str]:
    """Say which classes a test or validation folder lacks and what is done about it, and which are not validated.

    Args:
        candidates: What was divided.
        chosen: What came of it.
    """
    photos = [*candidates, *(c for side in chosen.values() for c in side)]  # time names the splits of the chosen ones
    named = {split: {c.label for c in photos if c.named_split == split} for split in SPLITS}
    counts, notes = count_classes(chosen), []

    def describe(labels: Collection[str], split: str) -> str:
        return _name_some(labels, lambda label: f"{counts[split][label]} photos")

    for split in ("test", "validation"):
        own = [c for c in chosen[split] if c.named_split == split]
        filled = set(counts[split]) - named[split] if own else set()
        if filled:
            notes.append(
                f"the {split} folder lacks {len(filled)} class{'es' * (len(filled) > 1)}, and training photos are "
                f"taken for it: {describe(filled, split)}"
            )
    empty = set(counts["train"]) - set(counts["validation"]) if counts["validation"] else set()
    if empty:
        notes.append(
            f"{len(empty)} class{'es have' if len(empty) > 1 else ' has'} no photo for validation: "
            f"{describe(empty, 'train')} for training"
        )
    return notes


def _find_lacking(chosen: Mapping[str, Sequence[Candidate]], labels: Collection[str]) -> set[str]:
    counts = count_classes(chosen)
    return {
        label
        for label in labels
        if counts["train"].get(label, 0) < FEWEST_TRAIN or counts["test"].get(label, 0) < FEWEST_TEST
    }


def _name_some(labels: Collection[str], describe: Callable[[str], str], most: int = 3) -> str:
    """Return the first few names with something about each, and how many more there are.

    >>> _name_some(["cat", "dog"], lambda name: f"{len(name)} letters")
    "'cat' (3 letters), 'dog' (3 letters)"
    """
    named = ", ".join(f"{label!r} ({describe(label)})" for label in islice(sorted(labels), most))
    return named + (f" and {len(labels) - most} more" if len(labels) > most else "")
