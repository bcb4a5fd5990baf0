"""Commands in README.md, CONTRIBUTING.md and docs/ name entry points, parameters, modules and targets there are."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))["entry_points"]
RUN_OPTIONS = {"--env-manager", "--experiment-name", "-e", "-P", "-v", "--version", "--run-name"}
# Of modules that are not ours, or are those of the tests' tools.
FOREIGN = ("pytest", "pip", "ruff", "mypy", "mlflow")


def read_commands(page: Path) -> list[str]:
    """The commands of a page, without comments: each of its shell blocks, and each in backticks within its text."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines() + re.findall(r"`([^`]+)`", prose.replace("\n", " "))
    bare = [re.sub(r"(^|\s+)#.*", "", line) for line in lines]
    return [part for line in bare for part in re.split(r"&&|;", line)]


COMMANDS = [(page.name, command.strip()) for page in PAGES for command in read_commands(page)]


def commands_of(pattern: str) -> list[tuple[str, str]]:
    """Page and rest of the commands in which the pattern is found."""
    return [(page, command[found.end() :]) for page, command in COMMANDS if (found := re.search(pattern, command))]


def words_of(command: str) -> list[str]:
    """The words of a command; placeholders such as `<run id>` are one word each."""
    return shlex.split(re.sub(r"<[^>]*>", "X", command).replace("'", "\\'"))


MLFLOW_RUNS = commands_of(r"^mlflow run |(?<= )mlflow run ")
PARAMETERS = [(page, f"-P {rest}") for page, rest in commands_of(r"^-P ")]


@pytest.mark.parametrize(("page", "rest"), MLFLOW_RUNS + PARAMETERS)
def test_mlflow_run_names_entry_points_and_parameters(page: str, rest: str) -> None:
    words = words_of(rest)
    step = words[words.index("-e") + 1] if "-e" in words else "main"
    assert step in ENTRY_POINTS
    for position, word in enumerate(words):
        assert not word.startswith("-") or word in RUN_OPTIONS, word
        if word == "-P":
            name, equals, _ = words[position + 1].partition("=")
            assert equals
            # A parameter said alone, in the text, may be any step's.
            known = {name for entry in ENTRY_POINTS.values() for name in entry["parameters"]}
            assert name in (known if rest.startswith("-P") else {*ENTRY_POINTS[step]["parameters"], "name"})


@pytest.mark.parametrize(("page", "rest"), commands_of(r"(?:^|(?<= ))python -m "))
def test_python_m_names_modules_and_their_commands(page: str, rest: str) -> None:
    module, *words = words_of(rest) or [""]
    if not module or module.startswith(FOREIGN) or module == "steps.X":
        return
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    if module == "pawprint.lineage":
        from pawprint.report.__main__ import lineage

        options = {option for param in lineage.params for option in param.opts}
        if words and words[0] in options:
            words = words[2:]
        if words:
            command = lineage.commands[words[0]]
            options = {option for param in command.params for option in param.opts}
            assert {word for word in words if word.startswith("--")} <= options
    elif module.startswith("steps."):
        named = {word.removeprefix("--") for word in words if word.startswith("--")} - {"help"}
        assert named <= set(ENTRY_POINTS[module.removeprefix("steps.")]["parameters"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_benchmarks_that_are_named_are_there(page: Path) -> None:
    for name in re.findall(r"\bbenchmarks\.(\w+)", page.read_text("utf-8")):
        path = ROOT / "benchmarks" / name
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


@pytest.mark.parametrize(("page", "rest"), commands_of(r"^make(?= |$)"))
def test_make_names_targets(page: str, rest: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {word for word in words_of(rest) if "=" not in word} <= targets


def test_make_alone_lists_the_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^make (\S+) +\S", listed, re.MULTILINE) == phony.split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_there_are_commands_to_look_at() -> None:
    assert len(MLFLOW_RUNS) > 15
    assert {page for page, _ in MLFLOW_RUNS} >= {"README.md", "tutorial.md", "team-server.md", "cluster.md"}


def test_a_misspelt_parameter_would_be_found() -> None:
    with pytest.raises(AssertionError):
        test_mlflow_run_names_entry_points_and_parameters("README.md", ". -P epoch=9")
