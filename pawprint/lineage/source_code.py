"""Which source files a step can reach, and their digests: a change elsewhere can't change what it makes.

The imports are followed as they are written, those inside functions included. Nothing is imported here.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGES = ("pawprint", "steps")
NOT_FOLLOWED = frozenset({"pawprint.lineage", "steps.console", "steps.help", "steps.options"})
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
        The sha256 of each file by its path in the project, sorted by path.
    """
    left_out = NOT_FOLLOWED.union(without)
    found: set[Path] = {project / name for name in also}
    seen, pending = {module}, [module]
    while pending:
        name = pending.pop()
        for path in _files_of(name, project):
            found.add(path)
            for imported in _imports(path):
                if imported not in seen and not _is_within(imported, left_out):
                    seen.add(imported)
                    pending.append(imported)
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found)
    }


def _is_within(module: str, packages: Collection[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _files_of(module: str, project: Path) -> Iterator[Path]:
    """Yield the module's file and the `__init__.py` of its packages; of a name that is no module, nothing."""
    path = project.joinpath(*module.split("."))
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    if any(candidate.is_file() for candidate in candidates):
        candidates += [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(project)]
        yield from (candidate for candidate in candidates if candidate.is_file())


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` names a module too.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in PACKAGES)
