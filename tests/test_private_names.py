"""Private names of libraries: each one that is used stands in docs/inside-libraries.md with its reason."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "inside-libraries.md"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def names_of(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names that a module defines, and the private ones that it takes from an object or a module."""
    defined, taken = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                defined.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                defined.add(name)
            case ast.Attribute(attr=name):
                taken.add(name)
            case ast.Import(names=names):
                taken |= {part for one in names for part in one.name.split(".")}
            case ast.ImportFrom(module=module, names=names):
                taken |= {*(module or "").split("."), *(one.name for one in names)}
    return defined, set(filter(is_private, taken))


def test_each_private_name_stands_on_the_page_with_its_reason() -> None:
    defined, taken = {"_replace", "_typeshed"}, set[str]()  # public: of named tuples, and of type checkers
    for path in [*(ROOT / "pawprint").rglob("*.py"), *(ROOT / "steps").glob("*.py")]:
        here, there = names_of(ast.parse(path.read_text("utf-8")))
        defined |= here
        taken |= there
    named = set(re.findall(r"`(_\w+)`", PAGE.read_text("utf-8")))
    assert taken - defined == named


def test_the_tests_that_the_page_names_are_there() -> None:
    tests = re.findall(r"`(tests/\S+?)`", PAGE.read_text("utf-8"))
    assert len(tests) > 5
    assert [test for test in tests if not (ROOT / test).is_file()] == []
