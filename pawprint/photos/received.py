"""The data type for what a source gave: an archive or a folder on this machine, and its origin."""

from dataclasses import dataclass, field
from pathlib import Path

from pawprint.archives.left_out import LeftOut
from pawprint.labels.readings import Reading


@dataclass(frozen=True)
class Received:
    """One archive or folder on this machine.

    Attributes:
        path: The zip, the tar or the folder; None for `drawn`, which is not on disk yet.
        kind: "zip", "tar", "folder", "shards" or "drawn".
        name: The archive's name inside the artifact, ending in `.zip`.
        location: Where to find it again later: an absolute path, a URL or `synthetic:<photos>:<seed>`.
        retrieved_at: When it was obtained, ISO 8601 in UTC.
        split: The split of all its photos, if the source names it.
        url: The public address, if there is one.
        reading: For another run's photos, the reading made there.
        left_out: Files that were not fetched because of their names.
        keep: True if it must be copied even with `keep_photos=reference`, because nothing else will last.
    """

    path: Path | None
    kind: str
    name: str
    location: str
    retrieved_at: str
    split: str | None = None
    url: str | None = None
    licence: str | None = None
    keep: bool = False
    reading: Reading | None = None
    left_out: LeftOut = field(default_factory=LeftOut)
