"""From a step's parameters to its command: options, `--help`, and one typed value for the step's function."""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import click

from pawprint.base.files import PROJECT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MLPROJECT = PROJECT / "MLproject"
WIDEST = 100
"""Columns, in a terminal that has them."""

Parameters = TypeVar("Parameters", bound="DataclassInstance")


class StepCommand(click.Command):
    """A step's command."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parameters; python -m wants each, so that only what `mlflow run` takes unasked is worth a word."""
        defaults = _read_defaults(str(self.name))
        rows = []
        for option in self.get_params(ctx):
            if isinstance(option, click.Option):
                default = str(defaults.get(option.name, ""))
                rows.append((option.opts[0], f"{option.help} [{default}]" if default else str(option.help)))
        with formatter.section("Parameters, in brackets what `mlflow run` takes unless told otherwise"):
            formatter.write_dl(rows)


def step(
    parameters: type[Parameters], *, epilog: str | None = None
) -> Callable[[Callable[[Parameters], None]], StepCommand]:
    """Make a step's function a command.

    Its help is the function's docstring and, as they stand, the lines of the module's that say what the step reads and
    writes and how it is run.

    Args:
        parameters: class of the one value that the function takes (see `pawprint.console.parameters`).
        epilog: last paragraph of the help.
    """

    def decorate(function: Callable[[Parameters], None]) -> StepCommand:
        _, reads_and_writes, *_ = str(inspect.getdoc(sys.modules[function.__module__])).split("\n\n")
        return StepCommand(
            function.__name__,
            callback=lambda **values: function(_gather(parameters, values)),
            params=list(_build_params(parameters)),
            help=f"{inspect.getdoc(function)}\n\n\b\n{reads_and_writes}",  # of which click wraps no line
            epilog=epilog,
            context_settings={"max_content_width": WIDEST},
        )

    return decorate


def _build_params(group: "type[DataclassInstance]") -> Iterator[click.Parameter]:
    """Yield click's parameters in the order of the fields, those of a group in its place."""
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from _build_params(hint)
        else:
            yield hint.__metadata__[0].build(field.name)


def _gather(group: type[Parameters], values: Mapping[str, Any]) -> Parameters:
    """Return the values that click has read as one, those of a group in its place."""
    hints = get_type_hints(group)
    fields = [field.name for field in dataclasses.fields(group)]
    nested = {name for name in fields if dataclasses.is_dataclass(hints[name])}
    return group(**{name: _gather(hints[name], values) if name in nested else values[name] for name in fields})


def _read_defaults(name: str) -> dict[str, Any]:
    import yaml

    parameters = yaml.safe_load(MLPROJECT.read_text(encoding="utf-8"))["entry_points"][name]["parameters"]
    return {name: kind["default"] for name, kind in parameters.items() if "default" in kind}
