"""Tell from a folder's name what it holds: a split, a container, previews, masks, a person, a date, or a class."""

import re
from collections.abc import Collection
from functools import lru_cache

from pawprint.archives.name_words import (
    CONTAINER_WORDS,
    PART_WORDS,
    PEOPLE_WORDS,
    SERIES_WORDS,
    SPLIT_FILLERS,
    SPLIT_WORDS,
)

TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")

MAGNIFICATION = re.compile(r"\d+(\.\d+)?x|x\d+", re.IGNORECASE)
WORDNET = re.compile(r"n\d{8}(?!\d)")
"""An ImageNet class at the beginning of a folder's or a file's name."""
COUNTER = re.compile(r"\d+")
DATE = re.compile(r"(19|20)\d\d([-_.]?[01]\d([-_.]?[0-3]\d)?)?([-_T ].*)?")


@lru_cache(maxsize=2**16)
def split_tokens(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name, in lower case.

    >>> split_tokens("JPEGImages"), split_tokens("asl_alphabet_test"), split_tokens("part_1")
    (('jpeg', 'images'), ('asl', 'alphabet', 'test'), ('part', '1'))
    """
    return tuple(token.lower() for token in TOKEN.findall(name))


def split_suffix(path: str) -> tuple[str, str]:
    """Return the file name of a path without its suffix, and the suffix; pathlib takes ten times as long.

    >>> split_suffix("cats/cat.12.JPG"), split_suffix("cats/12"), split_suffix(".hidden")
    (('cat.12', '.JPG'), ('12', ''), ('.hidden', ''))
    """
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 else (name, "")


def name_split(name: str) -> tuple[str, str, str] | None:
    """Return a name's split, the word that names it, and the rest of the name; None if it names no split, or two.

    >>> name_split("TrainingSet"), name_split("seg_test"), name_split("test1"), name_split("cats")
    (('train', 'training', ''), ('test', 'test', 'seg'), ('test', 'test', ''), None)
    """
    tokens = split_tokens(name)
    found = [token for token in tokens if token in SPLIT_WORDS]
    if len({SPLIT_WORDS[token] for token in found}) != 1:
        return None
    others = [
        token
        for position, token in enumerate(tokens)
        # A number after the word counts splits or is a year; a number before it belongs to a name (fruits-360).
        if token not in SPLIT_WORDS and token not in SPLIT_FILLERS and not (token.isdigit() and position > 0)
    ]
    return SPLIT_WORDS[found[0]], found[0], " ".join(others)


def is_container(name: str) -> bool:
    """Return whether a name says only that the folder holds photos.

    >>> is_container("JPEGImages"), is_container("part_1"), is_container("cats"), is_container("0")
    (True, True, False, False)
    """
    words = [token for token in split_tokens(name) if not token.isdigit()]
    return bool(words) and all(word in CONTAINER_WORDS for word in words)


def are_parts(names: Collection[str]) -> bool:
    """Return whether names are numbered parts of one whole.

    >>> are_parts(["HAM10000_images_part_1", "HAM10000_images_part_2"]), are_parts(["class 1", "class 2"])
    (True, False)
    """
    stems = {split_tokens(re.sub(r"\d+$", "", name)) for name in names}
    if len(names) < 2 or len(stems) != 1 or not all(name[-1:].isdigit() for name in names):
        return False
    return bool(PART_WORDS & set(stems.pop()))


def kind_of_names(names: Collection[str]) -> str:
    """Return the kind of the names on one level of folders: "plain" if they may be classes.

    >>> kind_of_names(["40X", "100X"]), kind_of_names(["patient01", "patient02"]), kind_of_names(["2021", "2022"])
    ('magnification', 'person', 'date')
    >>> kind_of_names(["cam0", "cam1"]), kind_of_names(["01", "02"]), kind_of_names(["cats", "dogs"])
    ('series', 'counter', 'plain')
    >>> kind_of_names(["SOB_B_A-14-22549AB", "SOB_B_F-14-9133"])
    'id'
    """
    for kind, pattern in (("magnification", MAGNIFICATION), ("date", DATE), ("counter", COUNTER)):
        if all(pattern.fullmatch(name) for name in names):
            return kind
    words = [{token for token in split_tokens(name) if not token.isdigit()} for name in names]
    if not all(any(sign.isdigit() for sign in name) for name in names):
        return "plain"
    if len(set.union(*words)) == 1:
        word = set.union(*words)
        if word & (PEOPLE_WORDS | SERIES_WORDS):
            return "person" if word & PEOPLE_WORDS else "series"
    ids = all(len(re.findall(r"\d", name)) >= 4 and not WORDNET.match(name) for name in names)
    return "id" if ids else "plain"


def strip_series(name: str) -> str:
    """Return a name without the numbered word before it (a study, a visit, a person).

    >>> strip_series("study1_positive"), strip_series("cats_1"), strip_series("study1")
    ('positive', 'cats_1', 'study1')
    """
    found = re.match(r"([^\W\d_]+)[ _-]?\d+[ _-]+(?=[^\W\d_])", name)
    if found is None or found[1].lower() not in SERIES_WORDS | PEOPLE_WORDS:
        return name
    return name[found.end() :]


def strip_counters(name: str) -> str:
    """Return a name without the numbers at its end: the part that all clips of a series share.

    >>> strip_counters("v_Archery_g01_c01"), strip_counters("Apple Golden 1"), strip_counters("42")
    ('v_Archery', 'Apple Golden', '42')
    """
    return re.sub(r"([ _.-]+[^\W\d_]?\d+|\d+)+$", "", name) or name
