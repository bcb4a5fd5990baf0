"""The requirements of a model: the lines of requirements.txt for the few packages that it imports."""

import re
from collections.abc import Iterable
from pathlib import Path

from pawprint.base.errors import UserError

MODEL_PACKAGES = ("mlflow", "tensorflow-cpu", "tensorflow", "keras", "numpy", "pandas", "pillow", "pi-heif-decoder")
"""Packages that loading and predicting import; pip installs their dependencies. Each platform has one TensorFlow."""


def read_pins(lock: Path, packages: Iterable[str] = MODEL_PACKAGES) -> list[str]:
    """Return the pinned requirements of `packages` in a lock, with their markers and without their hashes.

    With hashes, pip would require them for all dependencies too, which a model's few lines do not list.

    Args:
        lock: requirements.txt as uv compiles it, each requirement on a line that is not indented.
        packages: names; a package can have several lines, for several platforms.

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
    """Return a package's name in its normalised form (PEP 503).

    >>> normalise("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
