"""Addresses that main could not reach a moment ago: the download that it starts then need not wait for them again.

Handed on from main to its steps, and to nobody else.
"""

import hashlib
import time

from pawprint.base.handover import hand_on, read_handed_on

LASTS_SECONDS = 60.0


def note_unreached(url: str, reason: str) -> None:
    """Hand on to the processes that this one starts that an address can't be had, and why."""
    hand_on(unreached={**_read(), _name(url): [time.time(), reason]})


def find_unreached(url: str) -> str | None:
    """Return why an address could not be had within the last minute, if this process was told so."""
    told = _read().get(_name(url))
    return str(told[1]) if told and time.time() - told[0] < LASTS_SECONDS else None


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _read() -> dict[str, tuple[float, str]]:
    unreached: dict[str, tuple[float, str]] = read_handed_on("unreached") or {}
    return unreached
