"""The `photos/` artifact, written from what a source gave: beside first, then renamed."""

import csv
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pawprint.errors import UserError
from pawprint.photos.archives import list_folder, pack_folder, pack_tar
from pawprint.photos.cache import keep_made
from pawprint.photos.collection import Photo, count_photos
from pawprint.photos.grammar import drawn_counts
from pawprint.photos.hashes import hash_file
from pawprint.photos.labels import UNLABELLED, label_members
from pawprint.photos.left_out import LeftOut, tell_left_out
from pawprint.photos.manifest import Archive, Manifest, combine_digests, write_manifest
from pawprint.photos.received import Received
from pawprint.photos.space import check_space
from pawprint.photos.zips import list_zip


@dataclass(frozen=True)
class Stored:
    """An archive as the artifact keeps it, where to list its members, and what was left out."""

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
    labelled: bool = True,
) -> Manifest:
    """Write the `photos/` artifact.

    Args:
        received: One archive or folder, or one a split.
        folder: The artifact's folder: not there yet, or empty.
        source: The source that was used.
        requested: The whole `source` parameter.
        keep_photos: "copy" or "reference".
        fallback: Sources tried before, with reasons.
        labelled: False for photos to be labelled by a model: they need no classes.

    Returns:
        The manifest written; it counts the photos that have a class.

    Raises:
        UserError: No photos, photos of one class only, or damaged archives: nothing is left behind then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        if any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; expected a folder that the photos can be written to")
        folder.rmdir()
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
        staging = Path(beside, "photos")
        staging.mkdir()
        # What can be listed before it is copied is, so that one class only is known before 50 GB are moved.
        listable = [one for one in received if one.kind in {"zip", "folder"}]
        check_classes(listable, partial=len(listable) < len(received), labelled=labelled)
        stored = [_store(one, staging, keep_photos) for one in received]
        for one, kept in zip(received, stored, strict=True):
            kept.ignored.merge(one.left_out)
        photos, ignored = _label(stored)
        if labelled:
            check_photos(photos, ignored, name=source)
        else:
            check_any(len(photos) + ignored[UNLABELLED], ignored, name=source)
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
            counts=count_photos(photos),
            ignored=dict(sorted(ignored.items())),
            ignored_names=dict(sorted(ignored.names.items())),
            fallback=fallback,
            url=" ".join(urls) or None,
            licence="; ".join(licences) or None,
        )
        write_manifest(manifest, staging)
        staging.replace(folder)
    return manifest


def check_photos(photos: list[Photo], ignored: LeftOut, *, name: str) -> None:
    """Check that there are photos, and of two classes at least.

    Raises:
        UserError: With what was found instead.
    """
    classes = sorted({photo.label for photo in photos})
    if len(classes) > 1:
        return
    found = _tell_ignored(ignored)
    layout = "expected a folder for each class (cats/1.jpg, dogs/1.jpg), or names that begin with it (cat.1.jpg)"
    if not classes:
        if ignored["encrypted"]:
            raise UserError(f"{name} holds no photos that can be read{found}; expected an archive without a password")
        raise UserError(f"{name} holds no labelled photos{found}; {layout}")
    raise UserError(f"{name} holds photos of one class only, {classes[0]!r}, and a classifier needs two; {layout}")


def check_any(photos: int, ignored: LeftOut, *, name: str) -> None:
    """Check that there are photos, of whatever class or of none.

    Raises:
        UserError: With what was found instead.
    """
    if not photos:
        raise UserError(f"{name} holds no photos{_tell_ignored(ignored)}; expected JPEG, PNG, WebP or other photos")


def check_classes(received: list[Received], *, partial: bool = False, labelled: bool = True) -> None:
    """Check the zips and folders among what was received, reading names only.

    Args:
        received: Zips and folders.
        partial: True where other archives of the source come later: one class is then no mistake yet.
        labelled: False where the photos need no classes.

    Raises:
        UserError: No photos, or photos of one class only.
    """
    photos: list[Photo] = []
    ignored = LeftOut()
    for position, one in enumerate(received):
        assert one.path is not None  # noqa: S101 - for mypy: zips and folders have a path
        members, left_out = list_folder(one.path) if one.kind == "folder" else list_zip(one.path)
        known, unknown = label_members(members)
        photos += [Photo(position, each.member, each.label, each.split) for each in known]
        for others in (one.left_out, left_out, unknown):
            ignored.merge(others)
    name = " and ".join(str(one.path) for one in received)
    if received and not labelled and not partial:
        check_any(len(photos) + ignored[UNLABELLED], ignored, name=name)
    elif received and labelled and not (partial and photos):
        check_photos(photos, ignored, name=name)


def _tell_ignored(ignored: LeftOut) -> str:
    others = "; ".join(tell_left_out(ignored, ignored.names))
    return f" ({others})" if others else ""


def _label(stored: list[Stored]) -> tuple[list[Photo], LeftOut]:
    photos: list[Photo] = []
    ignored = LeftOut()
    for position, one in enumerate(stored):
        members, left_out = list_folder(one.path) if one.path.is_dir() else list_zip(one.path)
        labelled, unlabelled = label_members(members)
        split = one.archive.split
        photos += [Photo(position, each.member, each.label, split or each.split) for each in labelled]
        for others in (one.ignored, left_out, unlabelled):
            ignored.merge(others)
    return photos, ignored


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
    if path is None or received.kind == "tar":
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
        writer = csv.writer(file, lineterminator="\n")
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
        from pawprint.photos.drawn.drawings import write_drawings

        photos, seed = drawn_counts(received.location)
        write_drawings(path, photos=photos, seed=seed)
        return LeftOut()
    check_space(f"a copy of {received.path}", {path.parent: _estimate_bytes(received.path, received.kind)})
    if received.kind == "folder":
        return pack_folder(received.path, path)
    if received.kind == "tar":
        return pack_tar(received.path, path)
    shutil.copyfile(received.path, path)
    return LeftOut()


def _estimate_bytes(path: Path, kind: str) -> int:
    """Say how much a copy takes: at least, where the photos of a tar are compressed."""
    if kind == "folder":
        photos = [path / name for name in list_folder(path)[0]]
        return sum(photo.stat().st_size for photo in photos if photo.exists())  # one that has just gone is told later
    size = path.stat().st_size
    return 2 * size if kind == "tar" else size  # a tar's photos lie beside the zip until they are sorted
