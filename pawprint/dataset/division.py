"""Divide the photos into training, validation and test, and leave out classes with too few photos.

A class needs two photos for training and one for the test. If the photos are too few, the class is left out and named.
If a parameter's value is the reason, that is an error which names the parameter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pawprint.base.errors import UserError
from pawprint.base.words import name_some
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
MOST_NAMED = 3
_NEEDS = f"a class needs {FEWEST_TRAIN} photos to learn from and {FEWEST_TEST} for the test"


@dataclass(frozen=True)
class Division:
    """The settings of the division.

    Attributes:
        train_images: See `assign_splits`.
        test_images: See `assign_splits`.
        validation_fraction: See `assign_splits`.
        seed: The seed of the photos' order.
        group: The name of the candidates' groups, for messages; "" for none.
        split_by_time: The name of the candidates' times; "" if they are not divided by time.
    """

    train_images: int
    test_images: int
    validation_fraction: float
    seed: int
    group: str = ""
    split_by_time: str = ""

    def divide(self, candidates: Sequence[Candidate], groups: Groups) -> dict[str, list[Candidate]]:
        """Choose and divide photos, without classes that have too few (see `find_lost_classes`).

        Args:
            candidates: Without duplicates.
            groups: The members of each group of near duplicates.

        Returns:
            The photos of each of `SPLITS`.

        Raises:
            UserError: The counts, `group` or `split_by_time` would leave out a class.
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
        """Check that `group` or `split_by_time` has not left validation without photos.

        Raises:
            UserError: It has; the message names the parameter.
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
        """Check that no class is lost that would be kept with default parameters."""
        labels = {c.label for c in candidates}

        def spare(division: Division, photos: Sequence[Candidate], groups: Groups = groups) -> set[str]:
            return set(lacking) - _find_lacking(division._assign(photos, groups), labels)

        def explain(lost: Collection[str]) -> str:
            counts = count_classes(chosen)
            return _name_with(
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
    """Return the classes with too few photos for training and test, each with the number it has.

    Args:
        photos: All photos, by name.
        chosen: The result of `Division.divide`.
        left_out: Photos that cannot be used for a reason of their own.
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
    """Return sentences that name the classes left out, and why.

    Args:
        lost: The result of `find_lost_classes`.
        num_classes: The number of classes left.

    Raises:
        UserError: Fewer than two are left.
    """
    if num_classes < 2:
        raise UserError(
            f"a classifier needs two classes, and {num_classes or 'none'} is left: too few photos have "
            f"{_name_with(lost, lost.__getitem__)}; {_NEEDS}: add photos"
        )
    if not lost:
        return []
    return [
        f"{len(lost)} class{'es have' if len(lost) > 1 else ' has'} too few photos and "
        f"{'are' if len(lost) > 1 else 'is'} left out ({_NEEDS}): {_name_with(lost, lost.__getitem__)}: "
        "quarantine.csv names the photos"
    ]


def describe_sides(candidates: Sequence[Candidate], chosen: Mapping[str, Sequence[Candidate]]) -> list[str]:
    """Return sentences on classes missing from a test or validation folder, and on classes without validation photos.

    Args:
        candidates: The photos that were divided.
        chosen: The result.
    """
    photos = [*candidates, *(c for side in chosen.values() for c in side)]  # only these have a split by time
    named = {split: {c.label for c in photos if c.named_split == split} for split in SPLITS}
    counts, notes = count_classes(chosen), []

    def describe(labels: Collection[str], split: str) -> str:
        return _name_with(labels, lambda label: f"{counts[split][label]} photos")

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


def _name_with(labels: Collection[str], describe: Callable[[str], str]) -> str:
    """Return the first names with a remark on each, and the number of further names.

    >>> _name_with(["cat", "dog"], lambda name: f"{len(name)} letters")
    "'cat' (3 letters), 'dog' (3 letters)"
    """
    return name_some([f"{label!r} ({describe(label)})" for label in sorted(labels)], MOST_NAMED)
