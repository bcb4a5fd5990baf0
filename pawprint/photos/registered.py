"""Registered names for collections of photos: the place of each, and its licence if known.

To register another collection, add one line here.
"""

from types import MappingProxyType
from typing import NamedTuple


class Registered(NamedTuple):
    """The place a name stands for (any in `grammar.py`: `kaggle:…`, a URL, a path), and the photos' licence."""

    place: str
    licence: str


REGISTERED = MappingProxyType(
    {
        "cat-and-dog": Registered(
            "kaggle:tongpython/cat-and-dog", "as stated at https://www.kaggle.com/datasets/tongpython/cat-and-dog"
        ),
    }
)
