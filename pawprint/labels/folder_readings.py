"""Read classes from folders, from the beginning of file names, or by a pattern, and judge how sure each reading is."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pawprint.archives.members import UNLABELLED
from pawprint.labels.folder_names import split_suffix, strip_counters
from pawprint.labels.folders import BESIDE, split_path
from pawprint.labels.layouts import Layout, Level, build_reading, find_levels
from pawprint.labels.name_prefixes import are_series, label_by_prefix, prefix_label
from pawprint.labels.readings import Labelled, Reading

MANY = 4
"""With this many words at the beginning of file names, each on one photo, the words are not taken for classes."""
FEW_IDS = 5
"""Number of folders with long numbers; fewer are probably not one for each person or object."""
TEST_WITHOUT_CLASS = "a test photo without a class"


@dataclass(frozen=True)
class Candidate:
    """A reading, and why it is not used without asking; "" if it may be."""

    reading: Reading
    doubt: str = ""


def read_folders(layout: Layout) -> list[Candidate]:
    """Return the readings by folders: a single sure one, or all possible ones; none if the folders show no classes."""
    levels = find_levels(layout)
    if not levels:
        return []
    if len(levels) == 1:
        return _read_only_level(layout, levels[0])
    main = _pick_level(layout, levels)
    if main is None:
        doubt = "several levels of folders may be the classes"
        return [Candidate(_read_level(layout, level, levels), doubt) for level in levels]
    reading = _read_level(layout, main, levels)
    return [Candidate(reading)]


def read_one_class(layout: Layout) -> str | None:
    """Return the name of the folder that holds all photos, if it may be a class."""
    names = {one.names[-1][1] for one in layout.placed if one.names}
    return names.pop() if len(names) == 1 else None


def read_depth(layout: Layout, depth: int) -> Reading:
    """Read the class from the folder at a depth: 1 is the first of each member's path, -1 the photo's own folder."""
    labelled = []
    for one in layout.placed:
        folders = split_path(one.member)[:-1]
        if len(folders) >= abs(depth):
            labelled.append(Labelled(one.member, folders[depth - 1 if depth > 0 else depth], one.split))
    return build_reading(
        layout, labelled, labels=f"folder:{depth}", explanation=f"the class is the folder at level {depth}"
    )


def read_pattern(layout: Layout, pattern: str) -> Reading:
    """Read the class by a regular expression with a group `label`, searched in each member's whole path."""
    compiled = re.compile(pattern)
    labelled = []
    for one in layout.placed:
        match = compiled.search(one.member)
        if match is not None and match["label"]:
            labelled.append(Labelled(one.member, match["label"].strip(), one.split))
    reasons = {one.member: "a name that labels does not match" for one in layout.placed}
    return build_reading(
        layout, labelled, labels=pattern, explanation="the class is what the pattern calls label", reasons=reasons
    )


def read_prefixes(layout: Layout) -> Candidate | None:
    """Return the reading by the beginnings of file names, or None if they show no classes."""
    found = label_by_prefix([one.member for one in layout.placed])
    counts = Counter(found.values())
    if len(counts) < 2:
        return None
    labelled = [Labelled(one.member, found[one.member], one.split) for one in layout.placed if one.member in found]
    number = all(label.isdigit() for label in counts)
    words = "a number, which recurs" if number else "a word, and a number follows it"
    reading = build_reading(
        layout,
        labelled,
        labels="prefix",
        explanation=f"each file name begins with its class: {words}",
    )
    return Candidate(reading, _doubt_prefixes(layout, found, counts))


def _doubt_prefixes(layout: Layout, found: dict[str, str], counts: Counter[str]) -> str:
    if not all(label.isdigit() for label in counts) and are_series(list(counts)):
        return "the names seem to count cameras, persons or series"
    if all(label[:1] == "n" and label[1:9].isdigit() for label in counts):
        return ""
    folders = {one.member: split_path(one.member)[:-1] for one in layout.placed}
    mixed = {folders[member] for member in found}
    among = sum(folder in mixed for folder in folders.values())
    if len(found) < 0.8 * among:
        return "many names begin otherwise"
    single = sum(number == 1 for number in counts.values())
    return "most of these names have one photo only" if single > 0.5 * len(counts) > MANY / 2 else ""


def suggest_groups(labelled: Sequence[Labelled]) -> tuple[str, ...]:
    r"""Return patterns for what file names show besides the class: cameras, persons, series.

    >>> suggest_groups([Labelled(f"cats/cam{n % 2}_{n:03}.jpg", "cats", None) for n in range(9)])
    ('cam\\d+',)
    """
    found = [(one.label, prefix) for one in labelled if (prefix := prefix_label(one.member)) is not None]
    prefixes = sorted({prefix for _, prefix in found})
    pairs = set(found)
    same = len(pairs) <= len({one.label for one in labelled})  # the prefix repeats the class
    if same or not 2 <= len(prefixes) <= len(found) / 2 or len(found) < 0.8 * len(labelled) or not are_series(prefixes):
        return ()
    patterns = {re.sub(r"\d+", r"\\d+", re.escape(prefix)) for prefix in prefixes}
    return (patterns.pop(),) if len(patterns) == 1 else ()


def mixes_prefixes(candidate: Candidate, folders: Candidate) -> bool:
    """Return whether file names begin with the same words in every class folder: either may be the class."""
    # Numbers before numbers (`3_0012.jpg`) count within a folder; if that folder has a name, the name is the class.
    if candidate.doubt or all(one.label.isdigit() for one in candidate.reading.photos):
        return False
    class_of = {one.member: one.label for one in folders.reading.photos}
    by_class: dict[str, Counter[str]] = defaultdict(Counter)
    for one in candidate.reading.photos:
        if one.member in class_of:
            by_class[class_of[one.member]][one.label] += 1
    first = next(iter(by_class.values()), Counter())
    labelled = sum(counts.total() for counts in by_class.values())
    return (
        len(first) >= 2
        and labelled >= 0.99 * len(class_of)
        and set(by_class) == set(class_of.values())
        and all(set(counts) == set(first) and min(counts.values()) >= 2 for counts in by_class.values())
    )


def _read_only_level(layout: Layout, level: Level) -> list[Candidate]:
    reading = _read_level(layout, level, [level])
    if level.kind in {"person", "series", "date", "magnification"}:
        return [Candidate(reading, f"the folders seem to be of a {level.kind} each")]
    stems = Counter(strip_counters(name) for name in level.names)
    recur = sum(number > 1 for number in stems.values())
    in_splits = {(one.split, one.label) for one in reading.photos}
    if len(stems) >= 2 and recur >= 0.8 * len(stems) and len(in_splits) == len(level.names):
        pattern = r"(?P<label>[^/]+?)([ _.-]+[^\W\d_]?\d+|\d+)+/[^/]+$"
        labelled = [Labelled(one.member, strip_counters(one.label), one.split) for one in reading.photos]
        series = build_reading(
            layout,
            labelled,
            labels=pattern,
            explanation="the folders are numbered, and the class comes before the number",
        )
        doubt = "the folders seem to be numbered parts of fewer classes"
        return [Candidate(reading, doubt), Candidate(series, doubt)]
    return [Candidate(reading)]


def _pick_level(layout: Layout, levels: list[Level]) -> Level | None:
    """Return the only level that surely holds classes, if the others hold persons, dates or series."""
    plain = [level for level in levels if level.kind == "plain"]
    if len(plain) != 1:
        return _pick_within_one_folder(levels)
    main = plain[0]
    for other in levels:
        if other.kind == "counter" and not (other.position < main.position and _recurs(layout, other, main)):
            return None  # cats/01/ may be the first session, or the digit 1
    return main


def _recurs(layout: Layout, outer: Level, inner: Level) -> bool:
    """Return whether the folder names of one level occur in most folders of another."""
    pairs = {
        (one.names[outer.position][1], inner.label[one.names[inner.position][1]])
        for one in layout.placed
        if len(one.names) > max(outer.position, inner.position)
    }
    return len(pairs) >= 0.5 * len(outer.names) * len(set(inner.label.values()))


def _pick_within_one_folder(levels: list[Level]) -> Level | None:
    """Return the level below a folder with nearly all photos, if one or two folders beside it hold a few examples."""
    if len(levels) != 2:
        return None
    outer, inner = levels
    few = outer.names.total() - max(outer.names.values())
    beside = len(outer.names) - 1
    return inner if beside <= 2 and few <= 0.03 * inner.names.total() and inner.kind in {"plain", "counter"} else None


def _read_level(layout: Layout, level: Level, levels: list[Level]) -> Reading:
    labelled = []
    reasons = {}
    unnamed = []
    for one in layout.placed:
        if len(one.names) > level.position:
            labelled.append(Labelled(one.member, level.label[one.names[level.position][1]], one.split))
        elif one.names and len(levels) > 1:
            reasons[one.member] = BESIDE
        else:
            unnamed.append(Labelled(one.member, "", one.split))
            reasons[one.member] = TEST_WITHOUT_CLASS if one.split == "test" else UNLABELLED
    strangers = _find_strangers(labelled)
    labelled = [one for one in labelled if one.member not in strangers]
    reasons |= dict.fromkeys(strangers, TEST_WITHOUT_CLASS)
    labelled += _label_by_known(unnamed, {one.label for one in labelled})
    groups = tuple(group for other in levels if other is not level for group in _group_of(other))
    choice = level.choice if len(levels) > 1 or "(" in level.choice else "folder"
    return build_reading(
        layout,
        labelled,
        labels=choice,
        explanation=_explain(level, levels),
        groups=(*groups, *suggest_groups(labelled)),
        reasons=reasons,
    )


def _find_strangers(labelled: list[Labelled]) -> set[str]:
    """Return test photos in folders that match no training class: `test/unknown/`, `test/0/`."""
    classes: dict[str | None, set[str]] = defaultdict(set)
    for one in labelled:
        classes[one.split].add(one.label.casefold())
    if len(classes["train"]) < 2 or classes["test"] & classes["train"] or len(classes["test"]) > 1:
        return set()
    return {one.member for one in labelled if one.split == "test"}


def _explain(level: Level, levels: list[Level]) -> str:
    if len(levels) == 1:
        return "each class has a folder of its own"
    others = ", ".join(f"{next(iter(other.names))!r} is a {other.kind}" for other in levels if other is not level)
    above = "/".join(min(other.names) if other is not level else "CLASS" for other in levels)
    return f"the class is the folder at CLASS in {above}/" if "plain" in others else f"the class is a folder; {others}"


def _group_of(level: Level) -> list[str]:
    """Return a pattern for the group a level of folders stands for: a patient, a session, a date."""
    if level.kind not in {"person", "series", "id", "date"} or (level.kind == "id" and len(level.names) < FEW_IDS):
        return []
    patterns = {re.sub(r"\d+", r"\\d+", re.escape(name)) for name in level.names}
    if len(patterns) == 1 and re.search(r"[^\W\d_]{2}", next(iter(level.names))):
        return [patterns.pop()]
    if not level.choice.startswith("folder:") or level.choice.startswith("folder:-"):
        return []
    depth = int(level.choice.removeprefix("folder:"))
    return [rf"^(?:[^/]+/){{{depth - 1}}}[^/]+"]


def _label_by_known(photos: list[Labelled], classes: set[str]) -> list[Labelled]:
    """Label test photos by names such as `A_test.jpg`, if each begins with the name of a known class."""
    known = {label.casefold(): label for label in classes}
    by_folder: dict[tuple[str, ...], list[Labelled]] = defaultdict(list)
    for one in photos:
        by_folder[split_path(one.member)[:-1]].append(one)
    labelled = []
    for members in by_folder.values():
        named = []
        for one in members:
            stem = re.sub(r"([ _.-]*(test|val|valid|train))?[ _.-]*(\(?\d+\)?)?$", "", split_suffix(one.member)[0])
            label = known.get(stem.casefold()) or known.get(split_suffix(one.member)[0].casefold())
            if label is not None:
                named.append(Labelled(one.member, label, one.split))
        if len(named) >= 0.9 * len(members):
            labelled += named
    return labelled
