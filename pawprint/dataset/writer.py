"""From photos to the `dataset/` artifact: choose, decode, split, write.

Photos are read twice where they lie: once for the digests that decide what is used, once to decode what was
chosen. Neither the photos nor the pixels are held in memory, so it does not grow with their number.
"""

import csv
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pawprint.dataset.leakage import describe_near_duplicates, write_near_duplicates
from pawprint.dataset.preview import write_preview
from pawprint.dataset.reader import SCHEMA_VERSION, digest_content
from pawprint.dataset.selection import Selection, map_in_order, select_photos
from pawprint.dataset.shards import PixelFile, write_shards
from pawprint.dataset.splits import (
    SPLITS,
    Candidate,
    LeftOut,
    assign_splits,
    count_classes,
    drop_duplicates,
)
from pawprint.errors import UserError
from pawprint.photos.collection import Photo, PhotoCollection
from pawprint.photos.hashes import hash_file
from pawprint.photos.processor import count_cores
from pawprint.photos.zips import UnreadableMemberError


def write_dataset(
    photos: PhotoCollection,
    folder: Path,
    *,
    image_size: int,
    train_images: int,
    test_images: int,
    validation_fraction: float,
    seed: int,
    workers: int | None = None,
) -> dict[str, Any]:
    """Writes the `dataset/` artifact into `folder`.

    It holds the shards, `index.csv`, `dataset.json`, `quarantine.csv`, `preview.png`, `near_duplicates.csv` and, if
    there are any near duplicates, `near_duplicates.png`.

    The same photos, arguments and versions give byte-identical shards, whatever the number of workers.

    Args:
        photos: what download made.
        folder: made here; must not exist.
        image_size: side in pixels of what is stored.
        train_images: photos for training and validation, 0 for all (see `assign_splits`).
        test_images: photos for the test, 0 for all.
        validation_fraction: share of the training photos held out for choosing.
        seed: orders the photos.
        workers: threads that read and decode; Pillow decodes outside the interpreter's lock. Default: the cores.

    Returns:
        What `dataset.json` holds.

    Raises:
        UserError: more than 5 % of the photos tried are unreadable, or a class has too few photos.
    """
    by_member = {photos.name(photo): photo for photo in photos.photos}
    folder.mkdir(parents=True)
    scratch = folder / "pixels.tmp"
    with ThreadPoolExecutor(workers or count_cores()) as pool:
        candidates, damaged = _digest_all(by_member, photos, pool)
        kept, left_out = drop_duplicates(candidates)
        pixels = PixelFile(scratch, image_size)
        try:
            selection = select_photos(
                kept,
                read=lambda member: photos.read(by_member[member]),
                pixels=pixels,
                pool=pool,
                assign=lambda usable, groups: assign_splits(
                    usable,
                    train_images=train_images,
                    test_images=test_images,
                    validation_fraction=validation_fraction,
                    seed=seed,
                    groups=groups,
                ),
                side=image_size,
                damaged=damaged,
            )
            class_names = sorted({photo.label for photo in photos.photos})
            chosen, rows = selection.chosen, selection.rows
            _check_counts(selection, class_names, num_duplicates=len(left_out))
            # Compressing the picture takes as long as writing all shards, and is done beside it.
            drawn = pool.submit(
                write_preview,
                folder / "preview.png",
                {
                    split: [(c.label, pixels.read(rows[c.member])) for c in _few_a_class(chosen[split])]
                    for split in SPLITS
                    if chosen[split]
                },
            )
            index = _write_shards_and_index(folder, chosen, rows, pixels, image_size)
            hashed = [*index, "index.csv"]
            digests = pool.map(hash_file, [folder / name for name in hashed])
            write_near_duplicates(folder, selection.near, kept, chosen, read=lambda member: pixels.read(rows[member]))
            files = dict(zip(hashed, digests, strict=True))
            drawn.result()
        finally:
            pixels.close()
            scratch.unlink()
    _write_quarantine(folder / "quarantine.csv", [*left_out, *selection.unreadable, *selection.near_left_out])
    counts = count_classes({split: chosen[split] for split in SPLITS if chosen[split]})
    content = {
        "schema_version": SCHEMA_VERSION,
        "class_names": class_names,
        "image_size": image_size,
        "counts": counts,
        "files": files,
    }
    description = {
        **content,
        "digest": digest_content(content),
        "photos_sha256": photos.manifest.sha256,
        "source": photos.manifest.source,
        "requested": {
            "train_images": train_images,
            "test_images": test_images,
            "validation_fraction": validation_fraction,
            "seed": seed,
        },
        "left_out": {
            "unreadable": len(selection.unreadable),
            "duplicates": len(left_out),
            "near_duplicates": len(selection.near_left_out),
        },
        "notes": [
            *_describe_shortfalls(counts, train_images, test_images, selection.unreadable, left_out),
            *describe_near_duplicates(selection.near, selection.near_left_out),
        ],
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=2), "utf-8")
    return description


def _digest_all(
    by_member: dict[str, Photo], photos: PhotoCollection, pool: ThreadPoolExecutor
) -> tuple[list[Candidate], list[LeftOut]]:
    def digest(member: str) -> Candidate | LeftOut:
        photo = by_member[member]
        try:
            sha256 = hashlib.sha256(photos.read(photo)).hexdigest()
        except UnreadableMemberError as reason:
            return LeftOut(member, f"unreadable: {reason}")
        return Candidate(member, photo.label, photo.split, sha256)

    candidates: list[Candidate] = []
    damaged: list[LeftOut] = []
    for result in map_in_order(pool, digest, sorted(by_member), "reading photos"):
        if isinstance(result, LeftOut):
            damaged.append(result)
        else:
            candidates.append(result)
    return candidates, damaged


def _check_counts(selection: Selection, class_names: Sequence[str], *, num_duplicates: int) -> None:
    counts = count_classes(selection.chosen)
    needed = {"train": 2, "test": 1}
    for split, minimum in needed.items():
        for label in class_names:
            found = counts[split].get(label, 0)
            if found < minimum:
                raise UserError(
                    f"class {label!r} has {found} photos for {split}, at least {minimum} are needed "
                    f"({len(selection.unreadable)} photos were unreadable, {num_duplicates} duplicates and "
                    f"{len(selection.near_left_out)} near duplicates of others were left out); add photos of it "
                    "or ask for other counts"
                )


def _describe_shortfalls(
    counts: dict[str, dict[str, int]],
    train_images: int,
    test_images: int,
    unreadable: Sequence[LeftOut],
    left_out: Sequence[LeftOut],
) -> list[str]:
    """Says in whole sentences where the dataset is not what was asked for."""
    found = {split: sum(classes.values()) for split, classes in counts.items()}
    notes = []
    for name, asked, got in (
        ("train_images", train_images, found.get("train", 0) + found.get("validation", 0)),
        ("test_images", test_images, found.get("test", 0)),
    ):
        if got < asked:
            notes.append(f"{name}={asked} is more than the photos give: {got} are used")
    if unreadable:
        notes.append(f"{len(unreadable)} photos can't be read and are left out: quarantine.csv names them")
    if left_out:
        notes.append(f"{len(left_out)} photos are duplicates and are left out: quarantine.csv names them")
    return notes


def _write_shards_and_index(
    folder: Path,
    chosen: dict[str, list[Candidate]],
    rows: dict[str, int],
    pixels: PixelFile,
    side: int,
) -> list[str]:
    names: list[str] = []
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["split", "row", "shard", "position", "label", "member", "sha256"])
        for split in SPLITS:
            photos = chosen[split]
            row = 0
            for name, size in write_shards(folder, split, pixels, [rows[c.member] for c in photos], side):
                names.append(name)
                for position, c in enumerate(photos[row : row + size]):
                    writer.writerow([split, row + position, name, position, c.label, c.member, c.sha256])
                row += size
    return names


def _write_quarantine(path: Path, left_out: Sequence[LeftOut]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["member", "reason"])
        for left in sorted(left_out, key=lambda each: each.member):
            writer.writerow([left.member, left.reason])


def _few_a_class(photos: Sequence[Candidate], number: int = 10) -> list[Candidate]:
    taken: dict[str, int] = {}
    few = []
    for photo in photos:
        taken[photo.label] = taken.get(photo.label, 0) + 1
        if taken[photo.label] <= number:
            few.append(photo)
    return few
