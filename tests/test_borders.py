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
    for path in (ROOT / "pawprint" / room).glob("*.py"):
        for module in imported_modules(path):
            if module.startswith("pawprint.") and module != "pawprint.errors":
                assert module.split(".")[1] in allowed, f"{path} imports {module}"


@pytest.mark.parametrize("room", ["photos", "dataset", "lineage"])
def test_tensorflow_stays_out_of(room: str) -> None:
    """By running it: an import of an import counts too."""
    modules = [f"pawprint.{room}.{path.stem}" for path in (ROOT / "pawprint" / room).glob("*.py")]
    code = f"import sys, {', '.join(modules)}; sys.exit(bool({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("step", ["main", "download", "preprocess", "train", "evaluate", "tune", "predict"])
def test_a_step_shows_its_help_without_tensorflow_or_mlflow(step: str) -> None:
    code = f"import sys, steps.{step}; sys.exit(bool({{'tensorflow', 'keras', 'mlflow'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
