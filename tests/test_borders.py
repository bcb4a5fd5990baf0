"""The walls between the rooms: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ["photos", "dataset", "models", "training", "evaluation", "lineage", "serving"]


def imported_modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    allowed = ROOMS[: ROOMS.index(room) + 1]
    if room == "serving":
        allowed = [other for other in allowed if other != "lineage"]
    for path in (ROOT / "pawprint" / room).rglob("*.py"):
        for module in imported_modules(path):
            if module.startswith("pawprint.") and module != "pawprint.errors":
                assert module.split(".")[1] in allowed, f"{path} imports {module}"


def test_in_lineage_the_store_is_below_and_provenance_above() -> None:
    room = ROOT / "pawprint" / "lineage"
    for path in (room / "store").glob("*.py"):
        inside = {module for module in imported_modules(path) if module.startswith("pawprint.lineage.")}
        assert all(module.startswith("pawprint.lineage.store.") for module in inside), f"{path} imports {inside}"
    for path in {*room.glob("*.py")} - {room / "__main__.py"}:
        above = {module for module in imported_modules(path) if module.startswith("pawprint.lineage.provenance")}
        assert not above, f"{path} imports {above}"


IMPORT = """
import sys
from importlib import import_module
for name in sys.argv[2:]:
    import_module(name)
    if heavy := set(sys.argv[1].split(",")) & set(sys.modules):
        sys.exit(f"{name} imports {heavy}")
"""


def import_without(heavy: str, modules: list[str]) -> None:
    """Import modules in a process of their own, by running them: an import of an import counts too."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, heavy, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_tensorflow_stays_out_of_photos_dataset_and_lineage() -> None:
    rooms = ("photos", "dataset", "lineage")
    paths = [path for room in rooms for path in (ROOT / "pawprint" / room).rglob("*.py")]
    import_without("tensorflow,keras", [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths])


def test_a_step_shows_its_help_without_tensorflow_or_mlflow() -> None:
    steps = ["main", "download", "preprocess", "train", "evaluate", "tune", "predict"]
    import_without("tensorflow,keras,mlflow", [f"steps.{step}" for step in steps])
