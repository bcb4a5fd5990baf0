"""Decide by what mistakes cost instead of by the likeliest class.

A class is answered if that costs least in expectation by the model's probabilities (Elkan, *The Foundations of
Cost-Sensitive Learning*, 2001). Nothing is chosen for it on any photos; the test photos only count what it costs.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pawprint.base.errors import UserError
from pawprint.evaluation.bootstrap import Floats, Integers, draw_weights, interval

EXPECTED = "expected costs like cats>dogs:5 (a true cat called a dog costs 5), several parted by commas"
_COST = re.compile(r"(?P<true>[^>]+?)\s*>\s*(?P<said>[^>]+?)\s*:\s*(?P<cost>[^\s:>,]+)\s*(?:,\s*|$)")
MOST_NAMED = 12
"""Most classes that an error names."""


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


def build_cost_matrix(text: str, class_names: Sequence[str]) -> Floats:
    """Return the cost of each answer, [k, k] with the true class in rows: 0 if right, and 1 if wrong and not named.

    Raises:
        UserError: the text can't be read, or names something that is no class.
    """
    costs = parse_costs(text)
    number = {name: place for place, name in enumerate(class_names)}
    unknown = [name for name in dict.fromkeys(name for pair in costs for name in pair) if name not in number]
    if unknown:
        shown = ", ".join(class_names[:MOST_NAMED])
        more = f" and {len(class_names) - MOST_NAMED} more" if len(class_names) > MOST_NAMED else ""
        raise UserError(f"cost={text!r} names {', '.join(unknown)}; the classes are {shown}{more}")
    matrix = 1 - np.eye(len(class_names))
    for (true, said), cost in costs.items():
        matrix[number[true], number[said]] = cost
    return matrix


def choose_cheapest(probabilities: Floats, matrix: Floats) -> Integers:
    """Return the class that costs least in expectation for each photo, [n]; of equal ones the first."""
    cheapest: Integers = (probabilities @ matrix).argmin(axis=1)
    return cheapest


def count_costs(text: str, class_names: Sequence[str], labels: Integers, probabilities: Floats) -> dict[str, Any]:
    """Return what mistakes cost on photos, JSON-ready: by the cheapest answers, and by the likeliest ones.

    Args:
        text: the parameter `cost`, not empty.
        class_names: the k classes.
        labels: [n] class numbers.
        probabilities: [n, k] that sum to 1 in each row.

    Returns:
        `given`; `classes`, the two classes, and `threshold`, the probability of the second above which it is answered,
        both None unless there are two classes and a mistake that costs; `photos`; `changed`, the photos with another
        answer; `metrics`, the mean cost of a photo, with bootstrap 95 % intervals.
    """
    matrix = build_cost_matrix(text, class_names)
    plain, cheapest = probabilities.argmax(axis=1), choose_cheapest(probabilities, matrix)
    metrics: dict[str, float] = {}
    for name, answers in (("test_cost", cheapest), ("test_cost_plain", plain)):
        spent = matrix[labels, answers]
        draws = [spent @ weights / len(labels) for weights in draw_weights(len(labels), resamples=2000, seed=0)]
        low, high = interval(np.concatenate(draws))
        metrics |= {name: float(spent.mean()), f"{name}_low": low, f"{name}_high": high}
    two = len(class_names) == 2 and matrix.sum() > 0
    return {
        "given": text,
        "classes": list(class_names) if two else None,
        "threshold": float(matrix[0, 1] / matrix.sum()) if two else None,
        "photos": len(labels),
        "changed": int((cheapest != plain).sum()),
        "metrics": metrics,
    }


def describe_costs(document: Mapping[str, Any]) -> str:
    """Return in a few sentences what the costs in a metrics.json come to; "" if none were given."""
    costs = document.get("costs")
    if costs is None:
        return ""
    metrics = costs["metrics"]
    cheapest, plain = 100 * metrics["test_cost"], 100 * metrics["test_cost_plain"]
    low, high = (100 * metrics[f"test_cost_{end}"] for end in ("low", "high"))
    line = ""
    if costs["threshold"] is not None:
        line = f" (“{costs['classes'][1]}” from a probability of {costs['threshold']:.3f} on)"
    return (
        f"Mistakes cost {costs['given']}, and 1 each where nothing is said. If it answers what costs least by its "
        f"probabilities{line}, 100 photos cost {cheapest:.1f} (95 % interval {low:.1f} to {high:.1f}); if it answers "
        f"the likeliest class, {plain:.1f}. Counted on the {costs['photos']:,} test photos, of which "
        f"{costs['changed']:,} get another answer."
    )
