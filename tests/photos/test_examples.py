"""The examples in the docstrings of this room."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["grammar", "headers", "labels", "pages", "places", "secrets", "sniffing"])
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"pawprint.photos.{name}"))
    assert failed == 0
    assert tried > 0
