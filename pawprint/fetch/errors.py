"""Why a source cannot be had, and whether another try may help."""

from pawprint.base.errors import UserError
from pawprint.base.secrets import hide_secrets


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
