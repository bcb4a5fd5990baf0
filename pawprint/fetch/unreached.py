"""Addresses that main could not reach a moment ago, so that the download step it starts does not wait again.

They are handed on from main to its steps, and to nobody else.
"""

import hashlib
import time

from pawprint.base.handover import hand_on, read_handed_on

REMEMBERED_SECONDS = 60.0
"""Seconds for which an address counts as unreachable without being tried again."""


def note_unreached(url: str, reason: str) -> None:
    """Record, for the processes that this one starts, that an address cannot be reached, and why."""
    hand_on(unreached={**_read(), _name(url): [time.time(), reason]})


def find_unreached(url: str) -> str | None:
    """Return why an address could not be reached within the last minute, if a parent process recorded it."""
    found = _read().get(_name(url))
    return str(found[1]) if found and time.time() - found[0] < REMEMBERED_SECONDS else None


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _read() -> dict[str, tuple[float, str]]:
    unreached: dict[str, tuple[float, str]] = read_handed_on("unreached") or {}
    return unreached
