"""Every text that docs/troubleshooting.md quotes is one that the source really says."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import mlflow.projects
import mlflow.store.tracking
import mlflow.utils
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
QUOTED = [
    (section, text)
    for section, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    for text in re.findall(r"^\| `(.+?)` \| ", body, re.MULTILINE)
]
BEFORE_OURS = "Before any code of this project"
PLACEHOLDER = "\0"
# Of the operating system, where MLflow asks for a program of that name.
ELSEWHERE = {"No such file or directory: 'None'": "{}: '{}'"}
TRACKING = Path(mlflow.store.tracking.__file__).parent
# Of MLflow, elsewhere than in its launcher.
OF_MLFLOW = {
    "The experiment <…> must be in the 'active' state. …": TRACKING,
    "No Experiment with id=<…> exists": TRACKING,
    "The filesystem tracking backend (e.g., './mlruns') is in maintenance mode …": TRACKING,
    "The run <…> must be in the 'active' state. …": TRACKING,
    "API request to <…> failed with exception …": Path(mlflow.utils.__file__).parent,
}


def find_texts(path: Path) -> Iterator[str]:
    """The texts in a module, what is filled in replaced by PLACEHOLDER."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else PLACEHOLDER for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"%s|\{\w*\}", PLACEHOLDER, node.value)


@cache
def texts_of(*folders: Path) -> str:
    return "\n".join(text for folder in folders for path in sorted(folder.rglob("*.py")) for text in find_texts(path))


def pieces_of(quoted: str) -> list[str]:
    """What stands between the placeholders of a quoted text."""
    return [piece for piece in re.split(r"…|<[^>]*>", quoted) if piece.strip()]


@pytest.mark.parametrize(("section", "quoted"), QUOTED)
def test_quoted_texts_are_in_the_source(section: str, quoted: str) -> None:
    if quoted in ELSEWHERE:
        assert str(FileNotFoundError(2, "No such file or directory", "None")).endswith(quoted)
        return
    if quoted in OF_MLFLOW:
        said = texts_of(OF_MLFLOW[quoted])
    elif section == BEFORE_OURS:
        said = texts_of(Path(mlflow.projects.__file__).parent)
    else:
        said = texts_of(ROOT / "pawprint", ROOT / "steps", Path(click.__file__).parent)
    pieces = pieces_of(quoted)
    assert pieces
    # In one text, in order, or, where one text is filled into another, each in its own.
    for piece in pieces:
        assert piece in said, piece


def test_a_text_that_nothing_says_is_found_out() -> None:
    assert "and nothing was ever registered" not in texts_of(ROOT / "pawprint", ROOT / "steps")
    assert pieces_of("source <…> is of no kind…") == ["source ", " is of no kind"]


def test_each_section_has_errors_and_none_stands_twice() -> None:
    assert {section for section, _ in QUOTED} == {
        BEFORE_OURS,
        "Parameters",
        "Photos",
        "Training",
        "Servers",
        "Disk",
    }
    texts = [text for _, text in QUOTED]
    assert len(texts) == len(set(texts)) > 30
