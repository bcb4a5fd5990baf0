"""Addresses that main could not reach a moment ago: the download that it starts then need not wait for them again.

Kept in the environment, which a step inherits from main, and nobody else does.
"""

import hashlib
import json
import os
import time

VARIABLE = "PAWPRINT_UNREACHED"
LASTS_SECONDS = 60.0


def note_unreached(url: str, reason: str) -> None:
    """Hand on to the processes that this one starts that an address can't be had, and why."""
    os.environ[VARIABLE] = json.dumps({**_read(), _name(url): [time.time(), reason]})


def find_unreached(url: str) -> str | None:
    """Return why an address could not be had within the last minute, if this process was told so."""
    told = _read().get(_name(url))
    return str(told[1]) if told and time.time() - told[0] < LASTS_SECONDS else None


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _read() -> dict[str, tuple[float, str]]:
    content: dict[str, tuple[float, str]] = json.loads(os.environ.get(VARIABLE) or "{}")
    return content
