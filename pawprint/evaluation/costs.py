"""Decide by what mistakes cost instead of by the likeliest class.

A class is answered if that costs least in expectation by the model's probabilities (Elkan, *The Foundations of
Cost-Sensitive Learning*, 2001). Nothing is chosen for it on any photos; the test photos only count what it costs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pawprint.evaluation.bootstrap import Floats, Integers, draw_weights, interval
from pawprint.models.costs import build_cost_matrix


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
