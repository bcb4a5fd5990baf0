"""Attach to each candidate its group and the time it was taken, as `group` and `split_by_time` ask."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pawprint.dataset.exif import Taken
from pawprint.dataset.groups import BURST, describe_groups, explain_group_left_out, read_groups
from pawprint.dataset.splits import Candidate, LeftOut
from pawprint.dataset.times import EXIF, describe_times, parse_times, read_times
from pawprint.photos.collection import Photo


@dataclass(frozen=True)
class Belongings:
    """The groups and times of photos.

    Attributes:
        group: The parameter.
        split_by_time: The parameter.
        groups: The group of each photo that has one, by name.
        texts: When each photo was taken, as written, by name.
        times: The same as numbers.
        own_split: The splits that folders name; time overrules them.
    """

    group: str = ""
    split_by_time: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    own_split: tuple[str, ...] = ()

    def attach(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the candidates with their groups and times; a folder's split is dropped if the split is by time."""
        return [
            replace(
                c,
                group=self.groups.get(c.member),
                time=self.times.get(c.member),
                named_split=None if self.split_by_time else c.named_split,
            )
            for c in candidates
        ]

    def explain_left_out(
        self,
        candidates: Sequence[Candidate],
        chosen: Mapping[str, Sequence[Candidate]],
        groups: Iterable[Iterable[str]],
    ) -> list[LeftOut]:
        """Return the photos that cannot be used because of their group (see `explain_group_left_out`)."""
        return explain_group_left_out(candidates, chosen, groups) if self.group else []

    def describe(
        self, candidates: Sequence[Candidate], chosen: Mapping[str, Sequence[Candidate]], left_out: Sequence[LeftOut]
    ) -> list[str]:
        """Return sentences on how groups and times divided the photos."""
        notes = []
        if self.group:
            notes.append(describe_groups(self.group, candidates))
        if left_out:
            notes.append(
                f"{len(left_out)} photos are left out since others of their group are in the test or in validation: "
                "quarantine.csv names them"
            )
        if self.split_by_time:
            notes.append(describe_times(self.split_by_time, chosen, self.texts))
        if self.own_split:
            notes.append(f"the split that folders name ({', '.join(self.own_split)}) is not followed: time divides")
        return notes


def needs_exif(columns: Sequence[str], *, group: str, split_by_time: str) -> bool:
    """Return whether either parameter needs data that only the photos' EXIF has."""
    return (group == BURST and BURST not in columns) or (split_by_time == EXIF and EXIF not in columns)


def find_belongings(
    photos: Mapping[str, Photo],
    columns: Sequence[str],
    *,
    group: str,
    split_by_time: str,
    taken: Mapping[str, Taken] | None = None,
) -> Belongings:
    """Return the groups and times of photos.

    Args:
        photos: By name, at least one.
        columns: Names of the table's columns.
        group: A column, a regular expression or `burst`; "" for no groups.
        split_by_time: A column or `exif`; "" for no times.
        taken: When and by what camera each photo was taken; None before photos are read: the rest is then checked
            without it, so that errors show up early.

    Raises:
        UserError: See `read_groups`, `read_times` and `parse_times`.
    """
    names = {name: photo.member for name, photo in sorted(photos.items())}
    values = {name: photo.columns for name, photo in photos.items()}
    groups: dict[str, str] = {}
    texts: dict[str, str] = {}
    times: dict[str, float] = {}
    if group and (taken is not None or not needs_exif(columns, group=group, split_by_time="")):
        groups = read_groups(group, names, columns, values, taken or {})
    if split_by_time and (taken is not None or not needs_exif(columns, group="", split_by_time=split_by_time)):
        texts = read_times(split_by_time, list(names), columns, values, taken or {})
        times = dict(zip(texts, parse_times(list(texts.values()), split_by_time), strict=True))
    own = sorted({photo.split for photo in photos.values() if photo.split}) if split_by_time else []
    return Belongings(group, split_by_time, groups, texts, times, tuple(own))
