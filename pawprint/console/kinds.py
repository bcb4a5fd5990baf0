"""Parameter types that click does not have: ranges without NaN, `auto`, text with a check of its own."""

import math
from collections.abc import Callable
from typing import Any

import click

from pawprint.base.errors import SecretError, UserError


class Between(click.FloatRange):
    """A number in a range, but not NaN, which click accepts in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not in the range {self._describe_range()}.", param, ctx)
        return number


class AutoOr(click.ParamType[Any]):
    """A number, or `auto` for the architecture's default, which the step gets as None."""

    def __init__(self, number: click.ParamType[Any]) -> None:
        self.number = number
        self.name = f"auto or {number.name}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or None for `auto`."""
        if value is None or value == "auto":
            return None
        try:
            return self.number.convert(value, param, ctx)
        except click.BadParameter as error:
            raise click.BadParameter(f"{error.message.rstrip('.')}; or say auto.", ctx, param) from None


def check_model_name(name: str) -> None:
    """Raise an error for a name that MLflow's registry would refuse at the end of a long run, or that looks like a URI.

    Raises:
        UserError: the name contains characters that are not allowed.
    """
    if any(sign in name for sign in "/:@'\"") or name != name.strip():
        raise UserError(f"{name!r} can't be a model's name; expected one without / : @, quotes and outer spaces")


class Checked(click.ParamType[str]):
    """Text that a check function accepts."""

    def __init__(self, name: str, check: Callable[[str], object]) -> None:
        self.name = name
        self.check = check

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged if the check raises no error."""
        try:
            self.check(value)
        except SecretError:  # click's message would quote the value
            raise
        except UserError as error:
            raise click.BadParameter(str(error), ctx, param) from None
        return value


class UnlessPaths(click.Option):
    """An option that is required unless photos are given as arguments."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value, or None if it is missing and not required."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            if ctx.params.get("paths"):
                return None
            raise click.UsageError("no photos are named; give --source, or photos one by one") from None


class MayBeMissing(click.Option):
    """An option that only `mlflow run` always gives."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value, or None if it is missing."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            return None
