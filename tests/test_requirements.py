"""The lock holds what the code imports because requirements.in asks for it, not because another package brings it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
OURS = {"pawprint", "steps", "benchmarks", "tools", "tests"}
ALSO_NAMED = {"tensorflow_cpu": "tensorflow", "tensorflow_intel": "tensorflow"}
"""Distributions that are the same package under another name on another platform."""


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def declared(*files: str) -> set[str]:
    """Return the distributions that these files ask for by name."""
    lines = [line for file in files for line in (ROOT / file).read_text("utf-8").splitlines()]
    found = {normalize(match[0]) for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line))}
    return found | {ALSO_NAMED[name] for name in found if name in ALSO_NAMED}


def imported(folder: str) -> dict[str, str]:
    """Return the top-level packages that a folder's files import, each with a file that does."""
    names: dict[str, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            names.update((module.split(".")[0], path.relative_to(ROOT).as_posix()) for module in modules)
    return {name: path for name, path in names.items() if name not in OURS | sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("pawprint", ["requirements.in", "requirements-ray.in"]),
        ("steps", ["requirements.in"]),
        ("benchmarks", ["requirements.in", "requirements-dev.in"]),
        ("tests", ["requirements.in", "requirements-dev.in"]),
    ],
)
def test_what_is_imported_is_asked_for(folder: str, files: list[str]) -> None:
    asked, providers = declared(*files), packages_distributions()
    missing = {
        name: path
        for name, path in imported(folder).items()
        # A package that is optional is not installed here, and its import stands in a try.
        if name in providers and not {normalize(provider) for provider in providers[name]} & asked
    }
    assert not missing, f"imported, and not in {' or '.join(files)}: {missing}"


def pins(file: str) -> dict[str, set[str]]:
    """Return the versions of each package in a lock, with their extras' names left out."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / file).read_text("utf-8"), re.MULTILINE
    ):
        found.setdefault(normalize(name), set()).add(version)
    return found


def test_the_lock_for_gpus_differs_by_cuda_alone() -> None:
    usual, gpu = pins("requirements.txt"), pins("requirements-gpu.txt")
    assert {name for name in gpu.keys() - usual.keys() if not name.startswith("nvidia_")} == set()
    assert {name for name, versions in gpu.items() if name in usual and not versions <= usual[name]} == set()
    assert len([name for name in gpu if name.startswith("nvidia_")]) > 5
    # What is only for other platforms is not in it, and two builds of TensorFlow would overwrite each other.
    assert gpu["tensorflow"] == usual["tensorflow_cpu"]
    assert "tensorflow_cpu" not in gpu


def test_the_project_for_gpus_is_the_same_project() -> None:
    environment = (ROOT / "gpu" / "python_env.yaml").read_text("utf-8")
    assert (
        yaml.safe_load(environment)["python"] == yaml.safe_load((ROOT / "python_env.yaml").read_text("utf-8"))["python"]
    )
    links = {path.name for path in (ROOT / "gpu").iterdir() if path.is_symlink()}
    assert links == {"MLproject", "pawprint", "steps", "requirements-gpu.txt"}
    assert all((ROOT / "gpu" / name).resolve() == ROOT / name for name in links)
