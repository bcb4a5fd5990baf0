"""Collections of photos that have a name of their own: where each lies, and what is known of its licence.

A line here is all that a new one takes.
"""

from types import MappingProxyType
from typing import NamedTuple


class Registered(NamedTuple):
    """What a name stands for: any place of `grammar.py` (`kaggle:…`, a URL, a path), and the photos' licence."""

    place: str
    licence: str


REGISTERED = MappingProxyType(
    {
        "cat-and-dog": Registered(
            "kaggle:tongpython/cat-and-dog", "as stated at https://www.kaggle.com/datasets/tongpython/cat-and-dog"
        ),
    }
)
