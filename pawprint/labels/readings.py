"""The data types for reading classes: `Labelled` photos, the `Listing` of a source, and one possible `Reading`."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pawprint.archives.left_out import LeftOut


@dataclass(frozen=True)
class Labelled:
    """A photo with its class, and with its split if the source gives one.

    Attributes:
        member: The photo's name in the archive or folder.
        label: The class.
        split: "train", "validation", "test", or None.
        columns: Values of the table's other columns, in the order of the reading's `columns`; "" if empty.
    """

    member: str
    label: str
    split: str | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """The names of all files in an archive or a folder.

    Attributes:
        photos: Members that are photos, sorted.
        companions: Members that may describe the photos (tables, index files, annotations), sorted.
        read: Returns the bytes of a member.
    """

    photos: tuple[str, ...]
    companions: tuple[str, ...]
    read: Callable[[str], bytes]


@dataclass(frozen=True)
class Reading:
    """One possible way to read the classes.

    Attributes:
        labels: The value of the parameter `labels` that chooses this reading.
        explanation: Why it is possible, in one sentence for the user.
        photos: The photos that have a class in this reading, sorted by member.
        left_out: Photos without a class, by reason.
        columns: Names of the table's other columns.
        groups: Values of the parameter `group` that the layout suggests (a column's name, a regular expression).
        notes: Whole sentences with counts: rows without a photo, a class spelt in two ways, …
    """

    labels: str
    explanation: str
    photos: tuple[Labelled, ...]
    left_out: LeftOut = field(default_factory=LeftOut)
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
