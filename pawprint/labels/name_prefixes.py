"""Read classes from the beginning of file names: `cat.12.jpg`, `n01440764_tench.JPEG`, `7_0123.jpg`."""

import re
from collections import Counter
from collections.abc import Sequence

from pawprint.archives.name_words import CAMERA_WORDS, PEOPLE_WORDS, SERIES_WORDS, SPLIT_WORDS
from pawprint.labels.folder_names import DATE, WORDNET, split_suffix, split_tokens

PREFIX = re.compile(r"(?P<label>[^\W\d_](?:.*?[^\W_])?)[._ (-]+\d+\)?", re.DOTALL)
NUMBER_FIRST = re.compile(r"(?P<label>\d{1,3})[_-]\d+")
WORD_AND_NUMBER = re.compile(r"(?P<label>[^\W\d_]{3,})\d+")
FEW_A_NUMBER = 5
"""Photos that a number must have on average to be a class, and not a page or a scene."""


def prefix_label(member: str) -> str | None:
    """Return the class that a file name starts with, or None.

    >>> prefix_label("train/cat.12.jpg"), prefix_label("great_dane_7.jpg"), prefix_label("IMG_0012.jpg")
    ('cat', 'great_dane', None)
    >>> prefix_label("n01440764_tench.JPEG"), prefix_label("IMG-20240102-WA0000.jpg"), prefix_label("cat (3).jpg")
    ('n01440764_tench', None, 'cat')
    """
    stem = split_suffix(member)[0]
    if WORDNET.match(stem):
        return re.sub(r"(?<=.{9})[_ .-]+\d+$", "", stem)
    found = PREFIX.fullmatch(stem)
    if found is None:
        return None
    label = found["label"]
    words = split_tokens(label)
    if not words or words[0] in CAMERA_WORDS or words[0] in SPLIT_WORDS:
        return None
    # A date says when a photo was taken, not what it shows.
    return None if any(DATE.match(part) for part in re.split(r"[ _.-]+", label)) else label


def label_by_prefix(members: Sequence[str]) -> dict[str, str]:
    """Return the class of each member whose name begins with one: a word, or else a recurring number.

    >>> label_by_prefix(["cat.1.jpg", "dog.1.jpg", "IMG_1.jpg"])
    {'cat.1.jpg': 'cat', 'dog.1.jpg': 'dog'}
    """
    found = {member: label for member in members if (label := prefix_label(member)) is not None}
    if len(set(found.values())) >= 2:
        return found
    return label_by_number(members) or label_by_word(members) or found


def label_by_number(members: Sequence[str]) -> dict[str, str]:
    """Return the number at the beginning of each name, if all names share a few numbers; else nothing."""
    found = {
        member: match["label"]
        for member in members
        if (match := NUMBER_FIRST.fullmatch(split_suffix(member)[0])) is not None
    }
    counts = Counter(found.values())
    recurs = len(counts) >= 2 and len(found) >= FEW_A_NUMBER * len(counts) and min(counts.values()) >= 2
    return found if recurs and len(found) >= 0.9 * len(members) else {}


def label_by_word(members: Sequence[str]) -> dict[str, str]:
    """Return the word at the beginning of each name, if in every name a number follows it; else nothing.

    >>> label_by_word(["rain1.jpg", "rain2.jpg", "shine1.jpg", "shine2.jpg"])["shine2.jpg"]
    'shine'
    """
    found = {
        member: match["label"]
        for member in members
        if (match := WORD_AND_NUMBER.fullmatch(split_suffix(member)[0])) is not None
        and match["label"].lower() not in CAMERA_WORDS | SPLIT_WORDS.keys()
    }
    counts = Counter(found.values())
    recurs = len(counts) >= 2 and min(counts.values()) >= 2
    return found if recurs and len(found) >= 0.95 * len(members) else {}


def are_series(labels: Sequence[str]) -> bool:
    """Return whether prefixes are cameras, persons or series, and not classes.

    >>> are_series(["cam0", "cam1"]), are_series(["exp1_num", "exp2_num"]), are_series(["cat", "dog"])
    (True, True, False)
    """
    stems = {tuple(token for token in split_tokens(label) if not token.isdigit()) for label in labels}
    if len(labels) > 1 and len(stems) == 1 and all(any(sign.isdigit() for sign in label) for label in labels):
        return True
    words = PEOPLE_WORDS | SERIES_WORDS
    counted = [bool(re.search(rf"(^|[ _.-])({'|'.join(sorted(words))})[ _.-]?\d", label.lower())) for label in labels]
    return bool(counted) and all(counted)
