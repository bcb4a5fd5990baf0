"""Choose the groups of photos on one side of the split, so that each class gets its share.

The idea is that of scikit-learn's `StratifiedGroupKFold` (greedy, group after group, by how far each class is from its
share). But here groups have an order of their own, not by size, so that new photos move few others.
"""

from collections import Counter
from collections.abc import Mapping, Sequence


def choose_units(units: Sequence[Mapping[str, int]], targets: Mapping[str, int], *, keep: int = 0) -> list[int]:
    """Choose whole units whose photos by class add up to the targets, or nearly so.

    First, in the given order, each unit that fits into what its classes still lack: single photos reach every target
    exactly. Then, as long as it brings the counts closer to the targets, the unit that brings them closest. With units
    of one class each, a class is off by at most half of its largest unit, unless it has too few units. Last, a class
    that still has no photos gets the unit that does the least harm.

    Args:
        units: Photos by class in each unit, in the order to try.
        targets: Photos wanted by class, for every class in the units.
        keep: Photos of each class that must remain.

    Returns:
        Indexes of the chosen units, ascending.

    >>> choose_units([{"a": 1}, {"a": 3}, {"a": 1}, {"a": 1}], {"a": 3})
    [0, 2, 3]
    >>> choose_units([{"a": 4, "b": 1}, {"a": 4, "b": 1}, {"a": 2}], {"a": 5, "b": 1})
    [0]
    """
    free: Counter[str] = Counter()
    for unit in units:
        for label, number in unit.items():
            free[label] += number
    missing = Counter(targets)
    chosen: set[int] = set()

    def take(number: int) -> None:
        chosen.add(number)
        for label, photos in units[number].items():
            missing[label] -= photos
            free[label] -= photos

    def leaves_enough(unit: Mapping[str, int]) -> bool:
        return all(free[label] - number >= keep for label, number in unit.items())

    def gain(number: int) -> float:
        # As shares of the targets, so that a small class counts as much as a large one.
        return sum(
            (abs(missing[label]) - abs(missing[label] - photos)) / max(1, targets[label])
            for label, photos in units[number].items()
        )

    for number, unit in enumerate(units):
        if all(photos <= missing[label] for label, photos in unit.items()) and leaves_enough(unit):
            take(number)
    while any(missing[label] > 0 for label in targets):
        best = max(
            (n for n in range(len(units)) if n not in chosen and leaves_enough(units[n])), key=gain, default=None
        )
        if best is None or gain(best) <= 1e-9:
            break
        take(best)
    for label, wanted in targets.items():
        if wanted > 0 and missing[label] == wanted:
            having = (n for n, unit in enumerate(units) if n not in chosen and label in unit and leaves_enough(unit))
            best = max(having, key=gain, default=None)
            if best is not None:
                take(best)
    return sorted(chosen)
