"""Find the split that the name of a file, a folder or a cell means."""

import re
from collections.abc import Iterable

TRAIN = frozenset({"train", "training", "trainval", "trn", "trainset"})
VALIDATION = frozenset({"validation", "valid", "val", "validate", "dev", "validationset", "valset"})
TEST = frozenset({"test", "testing", "tst", "testset", "holdout", "evaluation", "eval"})
NO_SPLIT = frozenset({"", "unassigned", "none", "nan", "null", "unlabeled", "unlabelled", "unsup", "unsupervised"})
SPLIT_COLUMNS = re.compile(
    r"(data_?)?(split|set|subset|partition|phase|fold_?type|usage|stage|ml_?use|tvt)(_?name)?"
    r"|evaluation_status|train_?(val_?)?test(_?split)?|train_or_test"
)
FLAGS = {"is_train": "train", "istrain": "train", "is_training": "train", "is_training_image": "train",
         "is_test": "test", "istest": "test", "is_valid": "validation", "is_val": "validation",
         "is_validation": "validation"}  # fmt: skip
YES, NO = frozenset({"1", "1.0", "true", "yes", "t", "y"}), frozenset({"0", "0.0", "false", "no", "f", "n"})
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


def find_split(name: str) -> str | None:
    """Return the split that a name means, or None if it means none or two.

    >>> find_split("Training_set.csv"), find_split("seg_test"), find_split("PublicTest"), find_split("contest.csv")
    ('train', 'test', 'test', None)
    """
    words = {word.casefold() for word in WORDS.findall(name)}
    found = [
        split
        for split, spellings in (("train", TRAIN), ("validation", VALIDATION), ("test", TEST))
        if words & spellings
    ]
    if found == ["train", "validation"]:  # train_val: everything that is not for the test
        return "train"
    return found[0] if len(found) == 1 else None


def read_split_column(name: str, values: Iterable[str]) -> dict[str, str | None] | None:
    """Return the split that each value of a column means, or None if the column holds no splits.

    Args:
        name: The name of the column.
        values: Its distinct values.

    >>> read_split_column("set", ["TRAIN", "TEST", "UNASSIGNED"])
    {'TRAIN': 'train', 'TEST': 'test', 'UNASSIGNED': None}
    >>> read_split_column("is_test", ["0", "1"])
    {'0': 'train', '1': 'test'}
    """
    distinct = list(dict.fromkeys(values))
    name = re.sub(r"[^a-z]+", "_", name.casefold()).strip("_")
    if name in FLAGS and {value.casefold() for value in distinct} <= YES | NO:
        other = "train" if FLAGS[name] != "train" else "test"
        return {value: FLAGS[name] if value.casefold() in YES else other for value in distinct}
    if SPLIT_COLUMNS.fullmatch(name) and set(distinct) in ({"0", "1"}, {"0", "1", "2"}):
        # CelebA's order, and that of the sets that follow it.
        return dict(zip("012", ("train", "validation" if "2" in distinct else "test", "test"), strict=True))
    splits = {value: find_split(value) for value in distinct}
    if any(splits[value] is None and value.strip().casefold() not in NO_SPLIT for value in distinct):
        return None
    # "valid" and "invalid", or "test" alone, may also be classes.
    return splits if "train" in splits.values() and len(set(splits.values()) - {None}) > 1 else None
