"""Make a command from a step's parameters: options, `--help`, and one typed value for the step's function."""

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
"""Width of the help in columns, in a terminal that is wide enough."""

Parameters = TypeVar("Parameters", bound="DataclassInstance")


class StepCommand(click.Command):
    """The command of a step."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parameters with the defaults of `mlflow run`; `python -m` has no defaults."""
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
    """Return a decorator that turns a step's function into a command.

    Its help is the function's docstring and the second paragraph of the module's docstring, unchanged, which says what
    the step reads and writes and how to run it.

    Args:
        parameters: class of the function's parameter (see `pawprint.console.parameters`).
        epilog: last paragraph of the help.
    """

    def decorate(function: Callable[[Parameters], None]) -> StepCommand:
        _, reads_and_writes, *_ = str(inspect.getdoc(sys.modules[function.__module__])).split("\n\n")
        return StepCommand(
            function.__name__,
            callback=lambda **values: function(_gather(parameters, values)),
            params=list(_build_params(parameters)),
            help=f"{inspect.getdoc(function)}\n\n\b\n{reads_and_writes}",  # \b: click does not rewrap these lines
            epilog=epilog,
            context_settings={"max_content_width": WIDEST},
        )

    return decorate


def _build_params(group: "type[DataclassInstance]") -> Iterator[click.Parameter]:
    """Yield click's parameters in the order of the fields, including those of nested groups."""
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from _build_params(hint)
        else:
            yield hint.__metadata__[0].build(field.name)


def _gather(group: type[Parameters], values: Mapping[str, Any]) -> Parameters:
    """Return click's values as one value of the group, including nested groups."""
    hints = get_type_hints(group)
    fields = [field.name for field in dataclasses.fields(group)]
    nested = {name for name in fields if dataclasses.is_dataclass(hints[name])}
    return group(**{name: _gather(hints[name], values) if name in nested else values[name] for name in fields})


def _read_defaults(name: str) -> dict[str, Any]:
    import yaml

    parameters = yaml.safe_load(MLPROJECT.read_text(encoding="utf-8"))["entry_points"][name]["parameters"]
    return {name: kind["default"] for name, kind in parameters.items() if "default" in kind}
