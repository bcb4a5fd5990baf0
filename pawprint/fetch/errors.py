"""Errors that say why a source cannot be downloaded, and whether another try may help."""

from pawprint.base.errors import UserError
from pawprint.base.secrets import hide_secrets


class UnreachableError(UserError):
    """A source cannot be downloaded: the next one in the list is tried.

    Any other UserError ends the run even if further sources are listed: the source was there, and it is the one to fix.
    The message goes to the console, into tags and into the manifest, and may quote a server, so its secrets are hidden.
    """

    def __init__(self, message: str) -> None:
        super().__init__(hide_secrets(message))


class MissingError(UnreachableError):
    """The store answered, but has no object of that name."""


class SilentError(UnreachableError):
    """No connection, or no answer in time."""


class BusyError(UnreachableError):
    """The sender asks to wait, or reports a temporary problem of its own.

    Attributes:
        wait_seconds: How long the sender asks to wait, if it says so.
    """

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class BrokeOffError(UnreachableError):
    """The transfer started but ended incomplete."""
