"""What a process hands on to the steps that it starts: the one environment variable between main and its steps.

MLflow's launcher takes nothing along but parameters, which a person sees, and the environment.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VARIABLE = "PAWPRINT_HANDED_ON"
"""A JSON object: `name` and `tags` of the step's run, `starter`, the process that started it, `console`, the file that
it adds its lines to, and `unreached`, addresses that could not be had a moment ago."""


def read_handed_on(name: str) -> Any:
    """Return what was handed on under a name, by this process or by the one that started it; None if nothing was."""
    return _read().get(name)


def take_handed_on(name: str) -> Any:
    """Return what was handed on under a name, and hand it on no further."""
    facts = _read()
    value = facts.pop(name, None)
    os.environ[VARIABLE] = json.dumps(facts)
    return value


def hand_on(**facts: object) -> None:
    """Hand facts on to every process that this one starts from now on."""
    os.environ[VARIABLE] = json.dumps(_read() | facts)


@contextmanager
def handing_on(**facts: object) -> Iterator[None]:
    """Hand facts on to the processes that are started within the block."""
    hand_on(**facts)
    try:
        yield
    finally:
        for name in facts:
            take_handed_on(name)


def _read() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(os.environ.get(VARIABLE) or "{}")
    return facts
