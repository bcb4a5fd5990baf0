"""Recognise the shards of a training set (Parquet, WebDataset) by their file names."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pawprint.archives.members import PHOTO_SUFFIXES, suffix_of

NUMBERED_TAR = re.compile(r".*\d\.(tar|tgz|tar\.gz)", re.IGNORECASE | re.DOTALL)
NAMES_FILE = re.compile(
    r".*(labels?|class(es)?|categor(y|ies)|names?|map|mapping|idx|index|dict(ionary)?|legend|meta|sign_?names|data"
    r"|dataset|dataset_infos?|readme|species|breeds)\d*\.(txt|csv|tsv|json|ya?ml|names|md)",
    re.IGNORECASE,
)
"""Files that may contain the class names."""
LARGEST_NAMES_FILE = 2**20


def find_shards(names: Iterable[str]) -> str | None:
    """Return "parquet" or "webdataset" if the files are those of a sharded set without loose photos, else None.

    >>> find_shards(["data/train-00000-of-00001.parquet", "README.md"]), find_shards(["pets-000000.tar", "sizes.json"])
    ('parquet', 'webdataset')
    >>> find_shards(["cats/1.jpg", "labels.parquet"]), find_shards(["train.tar", "test.tar"])
    (None, None)
    """
    kinds = set()
    for name in names:
        suffix = suffix_of(name)
        if suffix in PHOTO_SUFFIXES:
            return None
        kinds.add("parquet" if suffix == ".parquet" else "webdataset" if NUMBERED_TAR.fullmatch(name) else "")
    return next((kind for kind in ("parquet", "webdataset") if kind in kinds), None)


def is_shard_file(name: str, size: int) -> bool:
    """Return whether a file of a sharded set is a shard, or a small file that may contain the class names."""
    small = NAMES_FILE.fullmatch(PurePosixPath(name).name) is not None and size <= LARGEST_NAMES_FILE
    return suffix_of(name) == ".parquet" or NUMBERED_TAR.fullmatch(name) is not None or small
