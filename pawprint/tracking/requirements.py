"""What a model needs installed: the lines of requirements.txt for a few packages, at the versions it was made with."""

import re
from collections.abc import Iterable
from pathlib import Path

from pawprint.base.errors import UserError

MODEL_PACKAGES = ("mlflow", "tensorflow-cpu", "tensorflow", "keras", "numpy", "pandas", "pillow", "pi-heif-decoder")
"""All that loading and answering imports; the rest comes with these. One of the two TensorFlows applies anywhere."""


def read_pins(lock: Path, packages: Iterable[str] = MODEL_PACKAGES) -> list[str]:
    """Read the pinned requirements of `packages` from a lock, with their markers and without their hashes.

    Hashes would ask for one on everything these packages bring along, which a model's few lines do not list.

    Args:
        lock: requirements.txt as uv compiles it, each requirement on a line that is not indented.
        packages: their names; one can stand in several lines, for several platforms.

    Returns:
        The lines in the order of `packages`.

    Raises:
        UserError: a package is not in the lock.
    """
    pins: dict[str, list[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([A-Za-z0-9][\w.-]*)(\[[^\]]*\])?\s*==", line)
        if match:
            pins.setdefault(normalise(match[1]), []).append(line.removesuffix("\\").strip())
    packages = list(packages)
    if missing := [package for package in packages if normalise(package) not in pins]:
        raise UserError(f"{lock} pins no {', '.join(missing)}; compile it again from requirements.in with `make lock`")
    return [line for package in packages for line in pins[normalise(package)]]


def normalise(name: str) -> str:
    """Spell a package's name as indexes do (PEP 503).

    >>> normalise("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
