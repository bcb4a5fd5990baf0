import re
from pathlib import Path

from benchmarks.licences import read_lock

ROOT = Path(__file__).parents[1]


def test_every_locked_package_has_its_licence_listed() -> None:
    """`make lock` is followed by `python -m benchmarks.licences > docs/licences.md`."""
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", (ROOT / "docs/licences.md").read_text("utf-8"), re.MULTILINE)
    listed = {name: version for name, version, _ in rows if name not in {"package", "---"}}
    assert listed == read_lock()
    assert all(licence.strip() for _, _, licence in rows)
