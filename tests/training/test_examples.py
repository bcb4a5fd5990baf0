"""The examples in the docstrings of this room."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["batches", "class_weights", "few_photos"])
def test_examples(name):
    failed, tried = doctest.testmod(import_module(f"pawprint.training.{name}"))
    assert failed == 0
    assert tried > 0
