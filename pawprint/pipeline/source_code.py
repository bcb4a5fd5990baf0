"""The digests of the source files that a step can import; changes in other files do not affect its result.

Import statements are followed, including those inside functions, but not those only for type checkers. Nothing is
imported.

The digest of a Python file is that of its syntax tree without docstrings, since comments, formatting and docstrings do
not affect results. All patch versions of Python (3.11.7, 3.11.9) give the same tree for a file. Another minor version
may give another tree; then every step runs once more.
"""

import ast
import functools
import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from pawprint.base.files import PROJECT

PACKAGES = ("pawprint", "steps")
IGNORED_PACKAGES = frozenset(f"pawprint.{room}" for room in ("tracking", "pipeline", "tuning", "report", "console"))
"""Packages that do not affect results: they record runs, check parameters and show output."""


def digest_sources(
    module: str, *, also: Collection[str] = (), without: Collection[str] = (), project: Path = PROJECT
) -> dict[str, str]:
    """Return the digests of a module's file and of all files that it imports, directly or indirectly.

    Args:
        module: dotted name, such as `steps.train`.
        also: paths of additional files, relative to the project, whose imports are not followed.
        without: modules and packages to ignore, besides `IGNORED_PACKAGES`.
        project: folder of the packages.

    Returns:
        The sha256 of each file by its path in the project, sorted by path: of a Python file's syntax tree without
        docstrings, of the bytes of any other.
    """
    left_out = IGNORED_PACKAGES.union(without)
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
    """Yield a module's file and the `__init__.py` of its packages; nothing if the name is not a module."""
    path = project.joinpath(*module.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    if any(candidate.is_file() for candidate in candidates):
        candidates += [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(project)]
        yield from (candidate for candidate in candidates if candidate.is_file())


def _digest(path: Path) -> str:
    content = path.read_bytes()
    return _parse(content).digest if path.suffix == ".py" else hashlib.sha256(content).hexdigest()


class _Source(ast.NodeTransformer):
    """A parsed Python file: `digest` of its syntax tree, and `imports`, the names of our modules that it may import."""

    def __init__(self, content: bytes) -> None:
        self.imports: list[str] = []
        tree = self.visit(ast.parse(content))
        self.digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a string that stands alone: a docstring, also that of a constant."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop code that is only for type checkers."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse:
            return None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """Record the modules."""
        self._note(alias.name for alias in node.names)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Record the module and its names, since `from package import module` also names a module."""
        if node.module:
            self._note([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        return node

    def _note(self, names: Iterable[str]) -> None:
        self.imports += [name for name in names if name.split(".")[0] in PACKAGES]


@functools.cache
def _parse(content: bytes) -> _Source:
    return _Source(content)
