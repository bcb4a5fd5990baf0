"""Which source files a step can reach, and their digests: a change elsewhere can't change what it makes.

The imports are followed as they are written, those inside functions included, but for those that only a type checker
reads. Nothing is imported here.

Of a Python file the syntax tree counts, without docstrings: comments, line breaks and descriptions decide no result.
All patch versions of a Python (3.11.7, 3.11.9) make the same tree of the same file; another minor version may not,
and then every step runs once more.
"""

import ast
import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pawprint.base.files import PROJECT

PACKAGES = ("pawprint", "steps")
NOT_FOLLOWED = frozenset(f"pawprint.{room}" for room in ("tracking", "pipeline", "tuning", "report", "console"))
"""What says where things come from, checks parameters and talks to the person makes none of the results."""


def digest_sources(
    module: str, *, also: Collection[str] = (), without: Collection[str] = (), project: Path = PROJECT
) -> dict[str, str]:
    """Digest the files that a module imports, itself included, directly or through others.

    Args:
        module: dotted name, such as `steps.train`.
        also: paths of further files, relative to the project, which are not followed.
        without: modules and packages that are not followed, beside `NOT_FOLLOWED`.
        project: the folder that holds the packages.

    Returns:
        The sha256 of each file by its path in the project, sorted by path: of a Python file's syntax tree without
        docstrings, of the bytes of any other.
    """
    left_out = NOT_FOLLOWED.union(without)
    found: set[Path] = {project / name for name in also}
    seen, pending = {module}, [module]
    while pending:
        name = pending.pop()
        for path in _files_of(name, project):
            found.add(path)
            for imported in _parse(path.read_bytes()).imports:
                if imported not in seen and not _is_within(imported, left_out):
                    seen.add(imported)
                    pending.append(imported)
    return {path.relative_to(project).as_posix(): _digest(path) for path in sorted(found)}


def _is_within(module: str, packages: Collection[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _files_of(module: str, project: Path) -> Iterator[Path]:
    """Yield the module's file and the `__init__.py` of its packages; of a name that is no module, nothing."""
    path = project.joinpath(*module.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    if any(candidate.is_file() for candidate in candidates):
        candidates += [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(project)]
        yield from (candidate for candidate in candidates if candidate.is_file())


def _digest(path: Path) -> str:
    content = path.read_bytes()
    return _parse(content).digest if path.suffix == ".py" else hashlib.sha256(content).hexdigest()


class _Source(ast.NodeTransformer):
    """A Python file, read: `digest` of what it does, and `imports`, the names of our modules that it may import."""

    def __init__(self, content: bytes) -> None:
        self.imports: list[str] = []
        tree = self.visit(ast.parse(content))
        self.digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a text that stands alone: a docstring, of a constant's too."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop what only a type checker reads."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """Note the modules."""
        self._note(alias.name for alias in node.names)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Note the module, and its names: `from package import module` names a module too."""
        if node.module:
            self._note([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        return node

    def _note(self, names: Iterable[str]) -> None:
        self.imports += [name for name in names if name.split(".")[0] in PACKAGES]


@functools.cache
def _parse(content: bytes) -> _Source:
    return _Source(content)
