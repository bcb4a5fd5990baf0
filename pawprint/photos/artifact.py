"""Write the `photos/` artifact from the archives and folders of a source."""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pawprint.archives.left_out import LeftOut, format_left_out
from pawprint.archives.packing import list_folder, pack_folder, pack_tar
from pawprint.base.cache import keep_made
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.base.space import check_space
from pawprint.base.tables import TableWriter
from pawprint.labels.choice import LAYOUT, choose_reading
from pawprint.labels.readings import Reading
from pawprint.photos.collection import count_photos
from pawprint.photos.contents import Contents, build_listing, join_readings, list_contents, locate_photos
from pawprint.photos.grammar import drawn_counts
from pawprint.photos.manifest import Archive, Manifest, combine_digests, write_manifest
from pawprint.photos.photo_table import FILE_NAME, write_photo_table
from pawprint.photos.received import Received
from pawprint.photos.shards import pack_shards

NO_READING = Reading("", "", ())
"""The reading of photos without labels, for a model to predict."""


@dataclass(frozen=True)
class Stored:
    """An archive as stored in the artifact, the path to list its members from, and what was left out."""

    archive: Archive
    path: Path
    ignored: LeftOut


def write_artifact(
    received: list[Received],
    folder: Path,
    *,
    source: str,
    requested: str,
    keep_photos: str,
    fallback: list[dict[str, str]],
    labels: str = "auto",
    labelled: bool = True,
) -> Manifest:
    """Write the `photos/` artifact.

    Args:
        received: One archive or folder, or one for each split.
        folder: The artifact's folder, which must be empty or missing.
        source: The source that was used.
        requested: The whole `source` parameter.
        keep_photos: "copy" or "reference".
        fallback: Sources tried before, with reasons.
        labels: How to read the classes (see `pawprint/labels/choice.py`).
        labelled: False for photos to predict: they need no classes.

    Returns:
        The manifest as written; it counts the photos that have a class.

    Raises:
        UserError: There are no photos, no classes or only one, or an archive is damaged; nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; expected a folder that the photos can be written to")
        folder.rmdir()
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        staging = Path(beside, "photos")
        staging.mkdir()
        # Zips and folders are listed before they are copied: an error shows up before 50 GB are moved.
        listable = [one for one in received if one.kind in {"zip", "folder"}]
        check_classes(listable, labels=labels, partial=len(listable) < len(received), labelled=labelled)
        stored = [_store(one, staging, keep_photos) for one in received]
        contents = [list_contents(one.path, one.archive.split) for one in stored]
        ignored = LeftOut()
        for left_out in (
            *(one.left_out for one in received),
            *(one.ignored for one in stored),
            *(one.left_out for one in contents),
        ):
            ignored.merge(left_out)
        earlier = [one.reading for one in received if one.reading is not None]
        if not labelled:
            check_any(contents, ignored, name=source)
            reading = NO_READING
        elif labels == "auto" and len(earlier) == len(received):
            reading = join_readings(earlier, contents)
        else:
            reading = read_labels(contents, labels, ignored, name=source)
        ignored.merge(reading.left_out)
        photos = locate_photos(reading, contents)
        write_photo_table(photos, reading.columns, staging / FILE_NAME)
        archives = tuple(one.archive for one in stored)
        urls = list(dict.fromkeys(one.url for one in received if one.url))
        licences = sorted({one.licence for one in received if one.licence})
        manifest = Manifest(
            source=source,
            requested=requested,
            keep_photos=keep_photos,
            sha256=combine_digests(archives),
            bytes=sum(archive.bytes for archive in archives),
            retrieved_at=max(one.retrieved_at for one in received),
            archives=archives,
            counts=count_photos([photo for photo in photos if photo.label]),
            ignored=dict(sorted(ignored.items())),
            ignored_names=dict(sorted(ignored.names.items())),
            fallback=fallback,
            url=" ".join(urls) or None,
            licence="; ".join(licences) or None,
            unlabelled=tuple(sorted(reading.left_out)),
            labels=reading.labels,
            labels_sha256=hash_file(staging / FILE_NAME),
            explanation=reading.explanation,
            notes=reading.notes,
            columns=reading.columns,
            groups=reading.groups,
        )
        write_manifest(manifest, staging)
        staging.replace(folder)
    return manifest


def read_labels(contents: Sequence[Contents], labels: str, ignored: LeftOut, *, name: str) -> Reading:
    """Read the classes of the photos, and check that there are at least two.

    Args:
        contents: The content of the archives and folders.
        labels: How to read the classes (see `pawprint/labels/choice.py`).
        ignored: What has been left out so far.
        name: The name of the source, for errors.

    Raises:
        UserError: There are fewer; the message says what was found.
    """
    if not any(one.photos for one in contents):
        if ignored["encrypted"]:
            raise UserError(
                f"{name} holds no photos that can be read{_format_ignored(ignored)}; "
                "expected an archive without a password"
            )
        raise UserError(f"{name} holds no labelled photos{_format_ignored(ignored)}; {LAYOUT}")
    return choose_reading(build_listing(contents), labels, name=name)


def check_any(contents: Sequence[Contents], ignored: LeftOut, *, name: str) -> None:
    """Check that there are photos, with or without a class.

    Raises:
        UserError: There are none; the message says what was found.
    """
    if not any(one.photos for one in contents):
        raise UserError(f"{name} holds no photos{_format_ignored(ignored)}; expected JPEG, PNG, WebP or other photos")


def check_classes(
    received: list[Received], *, labels: str = "auto", partial: bool = False, labelled: bool = True
) -> Reading | None:
    """Check the zips and folders among the received archives, by names and by tables beside the photos.

    Args:
        received: Zips and folders.
        labels: How to read the classes.
        partial: True if more archives of the source follow: something missing is not an error yet.
        labelled: False if the photos need no classes.

    Returns:
        The reading; None if it is not known yet, or not needed.

    Raises:
        UserError: There are no photos, only one class, or no way to read the classes.
    """
    known = [one.path for one in received if one.path is not None]
    contents = [list_contents(path, one.split) for path, one in zip(known, received, strict=True)]
    ignored = LeftOut()
    for left_out in (*(one.left_out for one in received), *(one.left_out for one in contents)):
        ignored.merge(left_out)
    name = " and ".join(map(str, known))
    if not received or partial:
        return None
    if not labelled:
        check_any(contents, ignored, name=name)
        return None
    earlier = [one.reading for one in received if one.reading is not None]
    if labels == "auto" and len(earlier) == len(received):
        reading = join_readings(earlier, contents)
    else:
        reading = read_labels(contents, labels, ignored, name=name)
    ignored.merge(reading.left_out)
    return replace(reading, left_out=ignored)


def _format_ignored(ignored: LeftOut) -> str:
    others = "; ".join(format_left_out(ignored, ignored.names))
    return f" ({others})" if others else ""


def _store(received: Received, staging: Path, keep_photos: str) -> Stored:
    if keep_photos == "reference" and not received.keep:
        return _refer(received, staging)
    name = received.name
    if (staging / name).exists():
        name = f"{received.split}-{name}"
    path = staging / name
    ignored = _write_zip(received, path)
    archive = Archive(name, None, hash_file(path), path.stat().st_size, received.split)
    return Stored(archive, path, ignored)


def _refer(received: Received, staging: Path) -> Stored:
    if received.kind == "folder":
        return _refer_folder(received, staging)
    path, ignored = received.path, LeftOut()
    if path is None or received.kind in {"tar", "shards"}:
        counters: list[LeftOut] = []
        path, sha256 = keep_made(lambda made: counters.append(_write_zip(received, made)))
        ignored = counters[0]
    else:
        sha256 = hash_file(path)
    archive = Archive(None, received.location, sha256, path.stat().st_size, received.split)
    return Stored(archive, path, ignored)


def _refer_folder(received: Received, staging: Path) -> Stored:
    assert received.path is not None  # noqa: S101 - for mypy: a folder has a path
    names, _ = list_folder(received.path)
    csv_name = f"members-{received.split}.csv" if received.split else "members.csv"
    size = 0
    with (staging / csv_name).open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow(["member", "sha256", "bytes"])
        for name in names:
            try:
                data = (received.path / name).read_bytes()
            except OSError as error:
                raise UserError(f"{received.path / name} cannot be read ({error.strerror})") from error
            writer.writerow([name, hashlib.sha256(data).hexdigest(), len(data)])
            size += len(data)
    sha256 = hash_file(staging / csv_name)
    archive = Archive(None, received.location, sha256, size, received.split, members=csv_name)
    return Stored(archive, received.path, LeftOut())


def _write_zip(received: Received, path: Path) -> LeftOut:
    if received.path is None:
        from pawprint.drawn.drawings import write_drawings

        photos, seed = drawn_counts(received.location)
        write_drawings(path, photos=photos, seed=seed)
        return LeftOut()
    check_space(f"a copy of {received.path}", {path.parent: _estimate_bytes(received.path, received.kind)})
    if received.kind == "folder":
        return pack_folder(received.path, path)
    if received.kind == "tar":
        return pack_tar(received.path, path)
    if received.kind == "shards":
        return pack_shards(received.path, path)
    shutil.copyfile(received.path, path)
    return LeftOut()


def _estimate_bytes(path: Path, kind: str) -> int:
    """Return the bytes a copy takes; for a compressed tar, the least they can be."""
    if kind == "folder":
        photos = [path / name for name in list_folder(path)[0]]
        return sum(photo.stat().st_size for photo in photos if photo.exists())  # others are reported later
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    size = path.stat().st_size
    return 2 * size if kind == "tar" else size  # a tar's photos lie beside the zip until they are sorted
