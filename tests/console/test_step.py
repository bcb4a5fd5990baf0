"""A step's function gets one value, made of what click has read and checked.

Reads   this paragraph of the module, of which
        no line is wrapped.

More that the help does not say.
"""

from dataclasses import dataclass
from typing import Annotated

import click
import pytest

from pawprint.console.kinds import AutoOr
from pawprint.console.parameters import Option
from pawprint.console.step import step


@dataclass(frozen=True)
class Shared:
    """Of two steps."""

    side: Annotated[int | None, Option(AutoOr(click.INT), "Side.")]


@dataclass(frozen=True)
class Longer(Shared):
    """Of one of them."""

    name: Annotated[str, Option(click.STRING, "Name.")]


@dataclass(frozen=True)
class Parameters:
    """Of a step."""

    seed: Annotated[int, Option(click.IntRange(min=0), "Seed.")]
    group: Longer


GIVEN: list[Parameters] = []


@step(Parameters)
def work(given: Parameters) -> None:
    """Do it."""
    GIVEN.append(given)


def test_each_value_stands_in_its_group() -> None:
    work.main(["--name", "a", "--seed", "3", "--side", "auto"], standalone_mode=False)
    assert GIVEN.pop() == Parameters(seed=3, group=Longer(side=None, name="a"))


def test_options_have_the_order_of_the_fields_and_are_all_required() -> None:
    assert [param.name for param in work.params] == ["seed", "side", "name"]
    with pytest.raises(click.MissingParameter, match="seed"):
        work.main([], standalone_mode=False)


def test_a_value_is_checked_by_its_kind() -> None:
    with pytest.raises(click.BadParameter, match="or say auto"):
        work.main(["--name", "a", "--seed", "3", "--side", "wide"], standalone_mode=False)
    assert not GIVEN


def test_the_help_says_what_the_modules_second_paragraph_says() -> None:
    help_text = str(work.help)
    assert help_text == "Do it.\n\n\b\nReads   this paragraph of the module, of which\n        no line is wrapped."
