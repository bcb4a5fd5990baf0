import re
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[1]


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def is_installed(name: str) -> bool:
    """Whether this environment has a package; not what another package carries in a folder of its own, as Ray does."""
    return any(distributions(name=name, path=[sysconfig.get_path("purelib")]))


def test_every_locked_package_has_its_licence_listed() -> None:
    """`make lock` is followed by `make licences`."""
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", lock, re.MULTILINE)
    locked = {(normalize(name), Version(number)) for name, number in pins}
    table = (ROOT / "docs/licences.md").read_text("utf-8")
    rows = re.findall(r"^\| (\S+) +\| (\S+) +\| (.*?) +\|$", table, re.MULTILINE)
    listed = {(normalize(name), Version(number)) for name, number, _ in rows if name != "Name"}
    assert listed <= locked  # of several pins of a package, that of this Python
    assert {name for name, _ in listed} == {name for name, _ in locked if is_installed(name)}
