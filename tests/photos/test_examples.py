"""The examples in the docstrings of this room."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["grammar", "labels", "places", "sniffing", "web"])
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"pawprint.photos.{name}"))
    assert failed == 0
    assert tried > 0
