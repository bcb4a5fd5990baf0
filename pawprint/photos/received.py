"""What a source gives: an archive or a folder at hand, and where it came from."""

from dataclasses import dataclass, field
from pathlib import Path

from pawprint.archives.left_out import LeftOut
from pawprint.base.errors import UserError
from pawprint.base.secrets import hide_secrets
from pawprint.labels.readings import Reading


class UnreachableError(UserError):
    """A source cannot be had: what comes after it in the list is tried.

    Any other UserError ends the run even where a list follows: the source was there, and is the one to mend. The
    message goes to the console, into tags and into the manifest, and may quote a server: secrets in it are hidden.
    """

    def __init__(self, message: str) -> None:
        super().__init__(hide_secrets(message))


class MissingError(UnreachableError):
    """The store is there, and holds no object of that name."""


class SilentError(UnreachableError):
    """No connection, or no answer in time."""


class BusyError(UnreachableError):
    """The sender asks to be left alone for a while, or has a trouble of its own that may pass.

    Attributes:
        wait_seconds: how long it asks to wait, where it says so.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class BrokeOffError(UnreachableError):
    """The transfer began, and what came is not whole."""


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
