"""Addresses that main could not reach a moment ago, so that the download step it starts does not wait again.

They are kept in the environment, which only the steps started by main inherit.
"""

import hashlib
import json
import os
import time

VARIABLE = "PAWPRINT_UNREACHED"
REMEMBERED_SECONDS = 60.0
"""Seconds for which an address counts as unreachable without being tried again."""


def note_unreached(url: str, reason: str) -> None:
    """Record, for the processes this one starts, that an address cannot be reached, and why."""
    os.environ[VARIABLE] = json.dumps({**_read(), _name(url): [time.time(), reason]})


def find_unreached(url: str) -> str | None:
    """Return why an address could not be reached within the last minute, if a parent process recorded it."""
    found = _read().get(_name(url))
    return str(found[1]) if found and time.time() - found[0] < REMEMBERED_SECONDS else None


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _read() -> dict[str, tuple[float, str]]:
    content: dict[str, tuple[float, str]] = json.loads(os.environ.get(VARIABLE) or "{}")
    return content
