"""Summarise in a few lines how the classes were read, for the console and the run's page."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pawprint.archives.left_out import printable
from pawprint.labels.readings import Labelled

LONGEST_LINE = 160
MOST_CLASSES = 8
"""Classes listed one by one in a line; if there are more, only the largest and the smallest are."""
MOST_EXAMPLES, MOST_REASONS, MOST_NOTES, MOST_GROUPS = 3, 5, 4, 2


def summarize_classes(
    photos: Sequence[Labelled],
    *,
    labels: str,
    explanation: str,
    left_out: Mapping[str, int],
    left_out_names: Mapping[str, Sequence[str]],
    notes: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> list[str]:
    """Return how the classes were read, and their counts, in at most 20 lines of at most 160 characters.

    Args:
        photos: The photos with a class.
        labels: The value of the parameter that chooses the reading.
        explanation: Why it was chosen.
        left_out: Number of photos left out, by reason.
        left_out_names: Names of such photos, by reason.
        notes: What is unusual about the classes.
        groups: Values of the parameter `group` that the layout suggests.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for one in photos:
        counts[one.split or "unassigned"][one.label] += 1
    lines = [f"classes: {explanation} (labels={labels})"]
    total = sum(counts.values(), Counter[str]())
    if len(counts) > 1:
        lines.append(f"classes: {_describe(total)}")
    lines += format_counts(counts)
    names: dict[str, list[str]] = {label: [] for label in sorted(total)[:MOST_EXAMPLES]}
    for one in photos:
        if one.label in names and len(names[one.label]) < MOST_EXAMPLES:
            names[one.label].append(one.member)
    lines += [
        f"for example {_short(label)}: {', '.join(printable(member, 42) for member in found)}"
        for label, found in names.items()
    ]
    lines += _format_left_out(left_out, left_out_names)
    lines += [f"note: {note}" for note in notes[:MOST_NOTES]]
    lines += [f"perhaps photos belong together: group={group}" for group in groups[:MOST_GROUPS]]
    return [shorten_line(line) for line in lines]


def format_counts(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return one line for each split, with the count of each class; of many classes, with the largest and the smallest.

    >>> format_counts({"train": {"cats": 3, "dogs": 2}, "test": {"cats": 1, "dogs": 1}})
    ['train: 3 cats, 2 dogs', 'test: 1 cats, 1 dogs']
    >>> format_counts({"train": {f"class {n}": n + 1 for n in range(1000)}})
    ['train: 500500 photos of 1000 classes, from 1000 (class 999), 999 (class 998) to 2 (class 1), 1 (class 0)']
    """
    lines = []
    for split, classes in counts.items():
        line = f"{split}: " + ", ".join(f"{number} {printable(name)}" for name, number in classes.items())
        if len(classes) > MOST_CLASSES or len(line) > LONGEST_LINE:
            line = f"{split}: {_describe(classes)}"
        lines.append(shorten_line(line))
    return lines


def shorten_line(text: str, length: int = LONGEST_LINE) -> str:
    """Return a text on one line, cut if it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _describe(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    photos = f"{sum(counts.values())} photos of {len(counts)} classes"
    if len(ranked) <= 4:
        return f"{photos}: {_list(counts, ranked)}"
    return f"{photos}, from {_list(counts, ranked[:2])} to {_list(counts, ranked[-2:])}"


def _list(counts: Mapping[str, int], names: Iterable[str]) -> str:
    return ", ".join(f"{counts[name]} ({_short(name)})" for name in names)


def _short(label: str) -> str:
    return printable(label, 30)


def _format_left_out(counts: Mapping[str, int], names: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one line for each of the most frequent reasons to leave photos out, with an example."""
    ranked = sorted(counts, key=lambda reason: (-counts[reason], reason))
    lines = []
    for reason in ranked[:MOST_REASONS]:
        example = names.get(reason, ())
        lines.append(f"left out: {counts[reason]} × {reason}" + (f": {printable(example[0])}" if example else ""))
    if rest := ranked[MOST_REASONS:]:
        lines[-1] += f"; and {sum(counts[reason] for reason in rest)} files for {len(rest)} other reasons"
    return lines
