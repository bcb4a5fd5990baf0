"""What a source gives: an archive or a folder at hand, and where it came from."""

from dataclasses import dataclass, field
from pathlib import Path

from pawprint.archives.left_out import LeftOut
from pawprint.labels.readings import Reading


@dataclass(frozen=True)
class Received:
    """One archive or folder on this machine.

    Attributes:
        path: The zip, the tar or the folder; for `drawn`, where nothing is on disk yet, None.
        kind: "zip", "tar", "folder" or "drawn".
        name: What to call the archive inside the artifact, ending in `.zip`.
        location: What finds it again later: an absolute path, a URL or `synthetic:<photos>:<seed>`.
        retrieved_at: ISO 8601 in UTC.
        split: The split all its photos belong to, where the source says so.
        url: The public address, where there is one.
        reading: Of another run's photos, what was read of them there.
        left_out: What lay there and did not come along, where names alone tell.
        keep: True where only a copy in the artifact lasts: it is copied even with `keep_photos=reference`.
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
