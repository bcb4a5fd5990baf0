"""What a step's --help says: what its module says of itself, then its parameters with the values of `mlflow run`."""

import inspect
import re
import sys
from functools import partial
from typing import Any

import click

from pawprint.base.files import PROJECT

MLPROJECT = PROJECT / "MLproject"
WIDEST = 100
"""Columns, in a terminal that has them."""


class StepCommand(click.Command):
    """A step's command, whose help is told by its module's docstring: Reads, Writes, Run it."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes what the step does, reads and writes, and how to run it."""
        super().format_help_text(ctx, formatter)
        told = _read_module(inspect.getdoc(sys.modules[self.callback.__module__]) or "")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_dl([(word, " ".join(lines)) for word, lines in told.items() if word != "Run it"])
            # Commands are to be copied: they are not wrapped.
            for position, line in enumerate(told.get("Run it", [])):
                formatter.write(f"{'':{formatter.current_indent}}{'' if position else 'Run it':<8}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the parameters; python -m wants each, so that only what `mlflow run` takes unasked is worth a word."""
        defaults = _read_defaults(str(self.name))
        rows = []
        for option in self.get_params(ctx):
            if isinstance(option, click.Option):
                default = str(defaults.get(option.name, ""))
                rows.append((option.opts[0], f"{option.help} [{default}]" if default else str(option.help)))
        with formatter.section("Parameters, in brackets what `mlflow run` takes unless told otherwise"):
            formatter.write_dl(rows)


step_command = partial(click.command, cls=StepCommand, context_settings={"max_content_width": WIDEST})


def _read_module(text: str) -> dict[str, list[str]]:
    r"""Parts a module's docstring into its words in the margin, each with its lines.

    >>> _read_module("Does.\n\nReads   a\n        b.\nRun it  c\n\nMore.")
    {'Reads': ['a', 'b.'], 'Run it': ['c']}
    """
    told: dict[str, list[str]] = {}
    for word, more in re.findall(r"^(Reads |Writes|Run it| {6})  (.+)$", text, re.MULTILINE):
        if word.strip():
            told[word.strip()] = []
        if told:
            told[list(told)[-1]].append(more)
    return told


def _read_defaults(step: str) -> dict[str, Any]:
    import yaml

    parameters = yaml.safe_load(MLPROJECT.read_text(encoding="utf-8"))["entry_points"][step]["parameters"]
    return {name: kind["default"] for name, kind in parameters.items() if "default" in kind}
