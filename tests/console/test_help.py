"""`python -m steps.<name> --help`: what it reads, what it writes, an example, and no more than a person reads."""

import importlib
import re
from pathlib import Path

import click
import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))["entry_points"]
SCREEN = 24
LINES = {"main": 120, "tune": 84, "train": 54, "preprocess": 52, "predict": 28}
"""Of 80 columns: steps with many parameters can't say what these mean on one screen."""


@pytest.fixture(params=[80, 200])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def help_of(step: str) -> str:
    command = getattr(importlib.import_module(f"steps.{step}"), step)
    assert isinstance(command, click.Command)
    return command.get_help(click.Context(command, info_name=f"python -m steps.{step}", max_content_width=100))


@pytest.mark.parametrize("step", ENTRY_POINTS)
def test_it_says_what_the_step_reads_and_writes_and_gives_an_example(step: str, columns: int) -> None:
    text = help_of(step)
    lines = text.splitlines()
    assert re.findall(r"^  (Reads|Writes|Run it) ", text, re.MULTILINE) == ["Reads", "Writes", "Run it"]
    assert re.search(
        rf"^  Run it  mlflow run \. --env-manager uv {'' if step == 'main' else f'-e {step} '}(\\\n +)?-P ",
        text,
        re.MULTILINE,
    )
    assert max(map(len, lines)) <= 100
    if columns == 80:
        assert len(lines) <= LINES.get(step, SCREEN)


@pytest.mark.parametrize("step", ENTRY_POINTS)
def test_each_parameter_is_explained_with_the_default_of_mlproject(step: str) -> None:
    told = help_of(step).partition("\nParameters")[2]
    for name, parameter in ENTRY_POINTS[step]["parameters"].items():
        (about,) = re.findall(rf"^  --{name}  +(.+(?:\n {{6,}}.+)*)", told, re.MULTILINE)
        default = str(parameter.get("default", ""))
        # A wrapped line may end at a hyphen.
        assert re.sub(r"\s+", "", about).endswith(f"[{default}]" if default else ".")
