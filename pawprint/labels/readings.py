"""What the names and tables of a source can mean: a `Reading` for each way to tell the classes of its photos."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pawprint.archives.left_out import LeftOut


@dataclass(frozen=True)
class Labelled:
    """A photo with its class, and its split where the source names one.

    Attributes:
        member: Its name in the archive or folder.
        label: Its class.
        split: "train", "validation", "test", or None.
        columns: What a table says of it besides, in the order of its reading's columns; "" where it says nothing.
    """

    member: str
    label: str
    split: str | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What an archive or a folder holds, by name.

    Attributes:
        photos: Members that are photos, sorted.
        companions: Members that may say something of the photos (tables, index files, annotations), sorted.
        read: Return a member's bytes.
    """

    photos: tuple[str, ...]
    companions: tuple[str, ...]
    read: Callable[[str], bytes]


@dataclass(frozen=True)
class Reading:
    """One way to tell the classes.

    Attributes:
        labels: Value of the parameter `labels` that chooses this reading.
        explanation: Why it is possible, in one sentence for the person whose photos these are.
        photos: Those that have a class by this reading, sorted by member.
        left_out: Photos that have none, by reason.
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
