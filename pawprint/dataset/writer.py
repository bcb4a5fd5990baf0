"""Write the `dataset/` artifact from photos: choose, decode, split, write.

Photos are read twice from where they are: once for the digests that decide which are used, once to decode the chosen
ones. Neither photos nor pixels are held in memory, so memory does not grow with their number.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.files import hash_file, write_json
from pawprint.base.machine import count_cores
from pawprint.dataset.additions import PREFIX, More, check_more, choose_additions
from pawprint.dataset.belongings import find_belongings, needs_exif
from pawprint.dataset.brightness import may_be_deep
from pawprint.dataset.correcting import apply_corrections
from pawprint.dataset.corrections import Correction
from pawprint.dataset.division import Division, describe_lost_classes, describe_sides, find_lost_classes
from pawprint.dataset.duplicates import drop_duplicates
from pawprint.dataset.exif import Taken, read_taken
from pawprint.dataset.index import write_shards_and_index
from pawprint.dataset.leakage import describe_near_duplicates, write_near_duplicates
from pawprint.dataset.preview import MAX_CLASSES, write_preview
from pawprint.dataset.reader import SCHEMA_VERSION, digest_content
from pawprint.dataset.selection import Decoder, map_in_order, select_photos
from pawprint.dataset.series import suggest_group
from pawprint.dataset.shards import PixelFile
from pawprint.dataset.splits import SPLITS, Candidate, LeftOut, count_classes
from pawprint.dataset.survey import decide_decoding
from pawprint.dataset.where import describe_where, keep_photos_where
from pawprint.photos.collection import Photo, PhotoCollection

MOST_TAKEN = 1000
"""Photos, in the order of their names, whose times are read to find bursts."""


def write_dataset(
    photos: PhotoCollection,
    folder: Path,
    *,
    image_size: int,
    train_images: int,
    test_images: int,
    validation_fraction: float,
    seed: int,
    fit: str = "auto",
    group: str = "",
    split_by_time: str = "",
    where: str = "",
    near_duplicates: str = "group",
    corrections: Sequence[Correction] = (),
    correct_test: bool = False,
    more: PhotoCollection | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Write the `dataset/` artifact into `folder`.

    It holds the shards, `index.csv`, `dataset.json`, `quarantine.csv`, `preview.png`, `near_duplicates.csv` and, if
    there are any near duplicates, `near_duplicates.png`.

    The same photos, arguments and versions give byte-identical shards, whatever the number of workers.

    Args:
        photos: the photos that download made.
        folder: the folder to create; it must not exist.
        image_size: side in pixels of the stored squares.
        train_images: photos for training and validation, 0 for all (see `assign_splits`).
        test_images: photos for the test, 0 for all.
        validation_fraction: share of the training photos for validation.
        seed: the seed of the photos' order.
        fit: `crop`, `pad` or `squash`: how to make a photo square; `auto` chooses by the shapes.
        group: what must stay on one side: a column, a regular expression, or `burst` (see `read_groups`).
        split_by_time: the column, or `exif`, with the times that separate past and future (see `read_times`).
        where: the photos to use, by a column's value (see `keep_photos_where`); "" for all.
        near_duplicates: `group`: copies stay, on one side of the split; `drop`: one copy stays; `off`: none are
            searched for.
        corrections: corrections of labels (see `merge_corrections`), applied once the photos are divided.
        correct_test: whether test photos are corrected as well.
        more: photos of another source; those that corrections label are added to the training photos.
        workers: threads that read and decode; Pillow decodes outside the interpreter's lock. Default: the cores.

    Returns:
        The content of `dataset.json`.

    Raises:
        UserError: more than 5 % of the photos tried are unreadable, fewer than two classes have enough photos, or the
            photos cannot be divided as `group` and `split_by_time` ask.
    """
    by_member = {photos.name(photo): photo for photo in photos.photos}
    by_member = keep_photos_where(where, by_member, photos.columns) if where else by_member
    check_more(more.manifest.source if more else "", "given", group=group, split_by_time=split_by_time)
    division = Division(train_images, test_images, validation_fraction, seed, group, split_by_time)
    find_belongings_of = partial(find_belongings, columns=photos.columns, group=group, split_by_time=split_by_time)
    find_belongings_of(by_member)  # reports a wrong column before photos are read
    folder.mkdir(parents=True)
    scratch = folder / "pixels.tmp"
    with ThreadPoolExecutor(workers or count_cores()) as pool:
        candidates, damaged, taken, deep = _digest_all(
            by_member, photos, pool, all_taken=needs_exif(photos.columns, group=group, split_by_time=split_by_time)
        )
        present = {c.member: by_member[c.member] for c in candidates}
        belongings = find_belongings_of(present, taken=taken)
        candidates = belongings.attach(candidates)
        kept, left_out = drop_duplicates(candidates)

        others = {f"{PREFIX}{more.name(photo)}": photo for photo in more.photos} if more else {}
        read = _open_reader((photos, by_member), *([(more, others)] if more else []))
        training = division.divide(kept, [])["train"]
        decoding, decoding_notes = decide_decoding(training, read=read, may_be_deep=deep, fit=fit, pool=pool)
        pixels = PixelFile(scratch, image_size)
        try:
            decoder = Decoder(read, pixels, pool, image_size, decoding)
            selection = select_photos(
                kept, decoder=decoder, assign=division.divide, damaged=damaged, near_duplicates=near_duplicates
            )
            unusable = [*left_out, *selection.unreadable, *selection.near_left_out]
            lost = find_lost_classes(by_member, selection.chosen, unusable)
            notes = describe_lost_classes(lost, len({c.label for c in selection.chosen["train"]}))
            division.check_validation(selection.chosen)
            corrected = apply_corrections(
                corrections,
                candidates,
                selection,
                decoder,
                division,
                near_duplicates,
                lost,
                correct_test=correct_test,
                additions=choose_additions(
                    corrections, _find_more(more, others, photos, pool), candidates, selection, decoder, near_duplicates
                ),
            )
            divided, chosen = selection.chosen, corrected.chosen
            class_names = sorted({c.label for c in chosen["train"]})
            # Compressing the picture takes as long as writing all shards, so both run at the same time.
            drawn = pool.submit(
                write_preview,
                folder / "preview.png",
                {
                    split: [(c.label, decoder.pixels_of(c.member)) for c in _choose_preview(chosen[split])]
                    for split in SPLITS
                    if chosen[split]
                },
            )
            index = write_shards_and_index(folder, chosen, decoder.rows, pixels, image_size, photos.columns)
            hashed = [*index, "index.csv"]
            digests = pool.map(hash_file, [folder / name for name in hashed])
            write_near_duplicates(folder, selection.near, corrected.candidates, chosen, read=decoder.pixels_of)
            files = dict(zip(hashed, digests, strict=True))
            drawn.result()
        finally:
            pixels.close()
            scratch.unlink()
    suggestion = None if group else suggest_group(present, photos.columns, taken)
    explained = {left.member for left in unusable}
    apart = [
        left
        for left in belongings.explain_left_out(kept, divided, selection.treatment.groups)
        if left.member not in explained
    ]
    of_lost = [
        LeftOut(c.member, f"class {c.label!r} is left out: it has {lost[c.label]}") for c in kept if c.label in lost
    ]
    corrected.write(folder, [*unusable, *of_lost, *apart])
    counts = count_classes({split: chosen[split] for split in SPLITS if chosen[split]})
    content = {
        "schema_version": SCHEMA_VERSION,
        "class_names": class_names,
        "image_size": image_size,
        "counts": counts,
        "files": files,
        "decoding": decoding.describe(),
    }
    description = {
        **content,
        "digest": digest_content(content),
        "photos_sha256": photos.manifest.sha256,
        "source": photos.manifest.source,
        **({"more_sha256": more.manifest.sha256} if more else {}),
        "requested": {
            "train_images": train_images,
            "test_images": test_images,
            "validation_fraction": validation_fraction,
            "seed": seed,
            "fit": fit,
            "group": group,
            "split_by_time": split_by_time,
            "where": where,
            "near_duplicates": near_duplicates,
        },
        **({"corrections": corrected.describe()} if corrections else {}),
        "left_out": {
            "unreadable": len(selection.unreadable),
            "duplicates": len(left_out),
            "near_duplicates": len(selection.near_left_out),
            "lost_classes": len(of_lost),
            "groups": len(apart),
        },
        "notes": [
            *corrected.explain(),
            *describe_where(where, len(by_member), len(photos.photos)),
            *decoding_notes,
            *notes,
            *describe_sides(kept, divided),
            *belongings.describe(kept, divided, apart),
            *([suggestion] if suggestion else []),
            *_describe_shortfalls(
                count_classes(divided),
                train_images,
                test_images,
                selection.unreadable,
                left_out,
                _count_unused(kept, divided, [*unusable, *of_lost, *apart]),
            ),
            *describe_near_duplicates(selection, kept, near_duplicates),
        ],
    }
    write_json(description, folder / "dataset.json")
    return description


def _digest_all(
    by_member: dict[str, Photo], photos: PhotoCollection, pool: ThreadPoolExecutor, *, all_taken: bool
) -> tuple[list[Candidate], list[LeftOut], dict[str, Taken], set[str]]:
    """Return the readable photos, the damaged ones, when photos were taken, and which may have deep pixels.

    The times are those of all photos, or only of the first `MOST_TAKEN`.
    """
    in_order_of_name = sorted(by_member, key=lambda name: (name.rsplit("/", 1)[-1], name))
    looked_at = set(in_order_of_name if all_taken else in_order_of_name[:MOST_TAKEN])
    taken: dict[str, Taken] = {}
    deep: set[str] = set()

    def digest(member: str) -> Candidate | LeftOut:
        photo = by_member[member]
        try:
            data = photos.read(photo)
        except UnreadableMemberError as reason:
            return LeftOut(member, f"unreadable: {reason}")
        if member in looked_at and (when := read_taken(data)):
            taken[member] = when
        if may_be_deep(data):
            deep.add(member)
        return Candidate(member, photo.label, photo.split, hashlib.sha256(data).hexdigest(), columns=photo.columns)

    candidates: list[Candidate] = []
    damaged: list[LeftOut] = []
    for result in map_in_order(pool, digest, sorted(by_member), "reading photos"):
        if isinstance(result, LeftOut):
            damaged.append(result)
        else:
            candidates.append(result)
    return candidates, damaged, taken, deep


def _open_reader(*sources: tuple[PhotoCollection, dict[str, Photo]]) -> Callable[[str], bytes]:
    """Return a function from a photo's name to its bytes."""

    def read(member: str) -> bytes:
        photos, by_member = next(source for source in sources if member in source[1])
        return photos.read(by_member[member])

    return read


def _find_more(
    more: PhotoCollection | None, others: dict[str, Photo], photos: PhotoCollection, pool: ThreadPoolExecutor
) -> More:
    """Return the photos of the other source, without a label and without a cell of the table of the first."""
    if more is None:
        return More()
    found, *_ = _digest_all(others, more, pool, all_taken=False)
    unlabelled = [replace(c, label="", named_split="train", columns=("",) * len(photos.columns)) for c in found]
    return More({c.sha256: c for c in reversed(unlabelled)}, more.manifest.source)


def _describe_shortfalls(
    counts: dict[str, dict[str, int]],
    train_images: int,
    test_images: int,
    unreadable: Sequence[LeftOut],
    left_out: Sequence[LeftOut],
    unused: Counter[str],
) -> list[str]:
    """Return sentences on where the dataset differs from what was asked for."""
    found = {split: sum(classes.values()) for split, classes in counts.items()}
    notes = []
    for name, asked, got in (
        ("train_images", train_images, found.get("train", 0) + found.get("validation", 0)),
        ("test_images", test_images, found.get("test", 0)),
    ):
        if got < asked:
            notes.append(f"{name}={asked} is more than the photos give: {got} are used")
    if notes and unused:
        (label, most), *_ = unused.most_common(1)
        notes.append(
            f"{unused.total()} photos are not used, {most} of {label!r}, since train_images and test_images take as "
            "many of each class; train_images=0 and test_images=0 take all"
        )
    if unreadable:
        (reason, count), *_ = Counter(left.reason.removeprefix("unreadable: ") for left in unreadable).most_common(1)
        notes.append(
            f"{len(unreadable)} photos can't be read and are left out: quarantine.csv names them ({count}: {reason})"
        )
    if left_out:
        notes.append(f"{len(left_out)} photos are duplicates and are left out: quarantine.csv names them")
    return notes


def _count_unused(
    kept: Sequence[Candidate], chosen: dict[str, list[Candidate]], left_out: Sequence[LeftOut]
) -> Counter[str]:
    """Return the number of photos of each class in no split, without those left out for another reason."""
    members = {c.member for split in chosen.values() for c in split} | {left.member for left in left_out}
    return Counter(c.label for c in kept if c.member not in members)


def _choose_preview(photos: Sequence[Candidate], number: int = 10) -> list[Candidate]:
    """Return the photos of a split that its preview shows: a few of the first classes."""
    shown = set(sorted({photo.label for photo in photos})[:MAX_CLASSES])
    taken: Counter[str] = Counter()
    few = []
    for photo in photos:
        if photo.label in shown and taken[photo.label] < number:
            taken[photo.label] += 1
            few.append(photo)
    return few
