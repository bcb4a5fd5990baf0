"""The walls between the rooms: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = [
    *("base", "archives", "fetch", "drawn", "labels", "photos", "dataset", "models", "training", "evaluation"),
    *("serving", "tracking", "pipeline", "tuning", "report", "console"),
]
"""In the order that data flows."""
LIGHT = [*ROOMS[: ROOMS.index("models")], "tracking", "pipeline", "report", "console"]
"""Those that never import TensorFlow."""


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    allowed = ROOMS[: ROOMS.index(room) + 1]
    paths = list((ROOT / "pawprint" / room).rglob("*.py"))
    assert paths
    for path in paths:
        for module in imported_modules(path):
            assert not module.startswith("steps"), f"{path} imports {module}"
            if module.startswith("pawprint."):
                assert module.split(".")[1] in allowed, f"{path} imports {module}"


def test_every_room_has_its_place() -> None:
    rooms = {path.parent.name for path in (ROOT / "pawprint").glob("*/__init__.py")}
    assert rooms == {*ROOMS, "lineage"}  # which only passes on old names


IMPORT = """
import sys
from importlib import import_module
for name in sys.argv[3:]:
    import_module(name)
    exec(sys.argv[2])
    if heavy := set(sys.argv[1].split(",")) & set(sys.modules):
        sys.exit(f"{name} imports {heavy}")
"""


def import_without(heavy: str, modules: list[str], *, then: str = "") -> None:
    """Import modules in a process of their own, by running them: an import of an import counts too."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, heavy, then, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_tensorflow_stays_out_of_most_rooms() -> None:
    paths = [path for room in LIGHT for path in (ROOT / "pawprint" / room).rglob("*.py")]
    import_without("tensorflow,keras", [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths])


def test_a_step_shows_its_help_without_tensorflow_or_mlflow() -> None:
    steps = ["main", "download", "preprocess", "train", "evaluate", "tune", "predict"]
    import_without("tensorflow,keras,mlflow", [f"steps.{step}" for step in steps])


def test_a_source_is_checked_without_a_package_that_takes_time_to_load() -> None:
    heavy = "tensorflow,keras,mlflow,requests,obstore,boto3,huggingface_hub,PIL,numpy"
    check = "from pawprint.photos.sources import check_source; check_source('cat-and-dog,synthetic')"
    import_without(heavy, ["pawprint.photos.sources"], then=check)
