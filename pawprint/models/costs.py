"""What mistakes cost: the grammar of `cost`, and the costs of all answers as a matrix."""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pawprint.base.errors import UserError
from pawprint.base.words import name_some

EXPECTED = "expected costs like cats>dogs:5 (a true cat called a dog costs 5), several parted by commas"
_COST = re.compile(r"(?P<true>[^>]+?)\s*>\s*(?P<said>[^>]+?)\s*:\s*(?P<cost>[^\s:>,]+)\s*(?:,\s*|$)")


def parse_costs(text: str) -> dict[tuple[str, str], float]:
    """Return the cost of each kind of mistake that is named: by the true class and the answer.

    >>> parse_costs("cats>dogs:5, dogs>cats:0.5")
    {('cats', 'dogs'): 5.0, ('dogs', 'cats'): 0.5}

    Raises:
        UserError: the text can't be read.
    """
    costs: dict[tuple[str, str], float] = {}
    place = 0
    while place < len(text):
        found = _COST.match(text, place)
        number = _read_number(found["cost"]) if found else None
        if found is None or number is None:
            raise UserError(f"cost={text!r} can't be read from {text[place:].strip()!r} on; {EXPECTED}")
        pair = (found["true"].strip(), found["said"].strip())
        if pair[0] == pair[1]:
            raise UserError(f"cost={text!r}: {pair[0]} called {pair[1]} is no mistake and costs nothing; {EXPECTED}")
        if pair in costs:
            raise UserError(f"cost={text!r} says twice what {pair[0]} called {pair[1]} costs; {EXPECTED}")
        costs[pair] = number
        place = found.end()
    return costs


def _read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def build_cost_matrix(text: str, class_names: Sequence[str]) -> NDArray[np.float64]:
    """Return the cost of each answer, [k, k] with the true class in rows: 0 if right, and 1 if wrong and not named.

    Raises:
        UserError: the text can't be read, or names something that is no class.
    """
    costs = parse_costs(text)
    number = {name: place for place, name in enumerate(class_names)}
    unknown = [name for name in dict.fromkeys(name for pair in costs for name in pair) if name not in number]
    if unknown:
        shown = name_some(class_names)
        raise UserError(f"cost={text!r} names {', '.join(unknown)}; the classes are {shown}")
    matrix = 1 - np.eye(len(class_names))
    for (true, said), cost in costs.items():
        matrix[number[true], number[said]] = cost
    return matrix
