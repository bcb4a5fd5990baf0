"""What a source gives: an archive or a folder at hand, and where it came from."""

from dataclasses import dataclass
from pathlib import Path

from pawprint.errors import UserError


class UnreachableError(UserError):
    """A source cannot be had: what comes after it in the list is tried.

    Any other UserError ends the run even where a list follows: the source was there, and is the one to mend.
    """


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
