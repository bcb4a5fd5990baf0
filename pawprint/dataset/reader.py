"""Read the `dataset/` artifact for train and evaluate: checked against its digests, memory-mapped."""

import csv
import hashlib
import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.base.machine import count_cores
from pawprint.base.tables import read_rows
from pawprint.dataset.decoding import USUAL, Decoding, read_decoding
from pawprint.dataset.index import COLUMNS, ORIGINAL
from pawprint.dataset.shards import ShardedImages
from pawprint.dataset.splits import SPLITS

SCHEMA_VERSION = 1
CONTENT = ("schema_version", "class_names", "image_size", "counts", "files")
"""The entries of dataset.json that the digest covers."""


@dataclass(frozen=True)
class Split:
    """The photos of one split."""

    images: ShardedImages
    """The pixels: int arrays as index give uint8 `[k, side, side, 3]`."""
    labels: npt.NDArray[np.int64]
    """`[n]`, indexes into the dataset's class names."""
    members: tuple[str, ...]
    """`[n]`, each photo's name in its archive."""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The photos' values in their table, `[n]` by column; "" if there is none."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A complete dataset, read from disk."""

    class_names: tuple[str, ...]
    image_size: int
    digest: str
    """sha256 of the content: equal photos, sizes and splits give equal digests on every machine."""
    photos_sha256: str
    source: str
    counts: dict[str, dict[str, int]]
    splits: dict[str, Split]
    decoding: Decoding = USUAL
    """How its photos became squares."""

    def split(self, name: str) -> Split | None:
        """Return `train`, `validation` or `test`, or None if the dataset has no such photos."""
        return self.splits.get(name)


def load_dataset(folder: Path, splits: Collection[str] = SPLITS) -> Dataset:
    """Open a `dataset/` artifact, and check what is read of it against its digests, on all cores.

    Args:
        folder: the folder of the artifact.
        splits: the splits that are needed; the others are neither checked nor there.

    Raises:
        UserError: the folder is not a dataset, has another schema version, or a file is missing or changed.
    """
    try:
        return _load_checked(folder, splits)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, EOFError, csv.Error) as error:
        # Each file matches its digest in dataset.json, so the files were wrong when written, or forged.
        raise UserError(
            f"the dataset cannot be read ({type(error).__name__}: {error}), so preprocess did not write it like this; "
            "run it again"
        ) from error


def _load_checked(folder: Path, splits: Collection[str]) -> Dataset:
    description = _read_description(folder)
    if digest_content(description) != description["digest"]:
        raise UserError("the dataset's dataset.json is not what preprocess wrote (its digest differs); run it again")
    for name in description["files"]:
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no name of a file beside dataset.json")
        if not (folder / name).is_file():
            raise UserError(f"the dataset lacks {name}, which its dataset.json lists; run preprocess again")
    unread = tuple(f"{split}-" for split in SPLITS if split not in splits)
    checked = {name: digest for name, digest in description["files"].items() if not name.startswith(unread)}
    with ThreadPoolExecutor(count_cores()) as pool:
        for name, found in zip(checked, pool.map(hash_file, [folder / name for name in checked]), strict=True):
            if found != checked[name]:
                raise UserError(f"the dataset's {name} is not what preprocess wrote (sha256 differs); run it again")
    class_names = tuple(description["class_names"])
    return Dataset(
        class_names=class_names,
        image_size=description["image_size"],
        digest=description["digest"],
        photos_sha256=description["photos_sha256"],
        source=description["source"],
        counts=description["counts"],
        decoding=read_decoding(description),
        splits=_read_splits(folder, description["image_size"], class_names, set(checked), splits),
    )


def digest_content(description: Mapping[str, Any]) -> str:
    """Return the digest of a dataset: sha256 of everything that does not depend on where or when it was made."""
    content = {name: description[name] for name in CONTENT}
    if read_decoding(description) != USUAL:  # older digests stay valid: the usual decoding is not hashed
        content["decoding"] = description["decoding"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / "dataset.json"
    if not path.is_file():
        raise UserError(
            "this is no dataset: there is no dataset.json in it; give the URI of preprocess's artifact, "
            "like runs:/<run id of preprocess>/dataset"
        )
    description: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if not isinstance(description, dict):
        raise TypeError("dataset.json holds no object")
    version = description.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"the dataset has schema version {version}, this code reads {SCHEMA_VERSION}; run preprocess again"
        )
    return description


def _read_splits(
    folder: Path, side: int, class_names: tuple[str, ...], files: set[str], wanted: Collection[str]
) -> dict[str, Split]:
    # By column: a dict for each of a million photos would take a gigabyte.
    columns: dict[str, dict[str, list[str]]] = {}
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        reader = read_rows(file)
        header = next(reader, [])
        place = header.index("split")
        for row in reader:
            if row[place] in wanted:
                lists = columns.setdefault(row[place], {name: [] for name in header})
                for cells, cell in zip(lists.values(), row, strict=True):
                    cells.append(cell)
    number = {name: i for i, name in enumerate(class_names)}
    splits = {}
    for name, photos in columns.items():
        shards = list(dict.fromkeys(photos["shard"]))
        if unlisted := set(shards) - files:
            raise ValueError(f"index.csv names {unlisted}, which dataset.json does not list")
        splits[name] = Split(
            images=ShardedImages([folder / shard for shard in shards], side),
            labels=np.array([number[label] for label in photos["label"]], np.int64),
            members=tuple(photos["member"]),
            columns={column: tuple(cells) for column, cells in photos.items() if column not in {*COLUMNS, ORIGINAL}},
        )
        if len(splits[name].images) != len(splits[name]):
            raise ValueError(
                f"the shards of {name} hold {len(splits[name].images)} photos, index.csv {len(splits[name])}"
            )
    return splits
