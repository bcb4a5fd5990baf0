"""Lists every package of the lock with its version and licence, as its own metadata says: docs/licences.md.

Run it: python -m benchmarks.licences > docs/licences.md
"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.txt"


def read_lock() -> dict[str, str]:
    """Return the version of each package in the lock; of one that is pinned for several platforms, the first."""
    pins: dict[str, str] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", LOCK.read_text("utf-8"), re.M):
        pins.setdefault(name, version)
    return pins


def read_licence(name: str) -> str:
    """Return what a package says of its licence, in a line: the expression, the classifiers, or the text's first."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return "(for another platform: not installed here)"
    if "License-Expression" in found:
        return found["License-Expression"]
    classifiers = [
        line.rpartition(" :: ")[2] for line in found.get_all("Classifier") or [] if line.startswith("License :: ")
    ]
    if classifiers:
        return ", ".join(classifiers)
    text = found["License"].strip() if "License" in found else ""
    return text.splitlines()[0][:80] if text else "(not stated in its metadata)"


def main() -> None:
    """Print the table."""
    print("# Licences\n\nOf everything in the lock, as each package's own metadata says. Made by")
    print("`python -m benchmarks.licences > docs/licences.md`, after `make lock`.\n")
    print("| package | version | licence |\n| --- | --- | --- |")
    for name, version in sorted(read_lock().items()):
        print(f"| {name} | {version} | {read_licence(name).replace('|', '/')} |")


if __name__ == "__main__":
    main()
