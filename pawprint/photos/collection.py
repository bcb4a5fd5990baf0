"""The labelled photos of a `photos/` artifact: checked against their digests, read from where they are stored."""

import csv
import hashlib
import os
import threading
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from pawprint.archives.left_out import LeftOut
from pawprint.archives.members import reason_unsafe
from pawprint.archives.zips import open_zip, read_member
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.base.tables import read_dicts
from pawprint.labels.readings import Labelled, Reading
from pawprint.labels.summary import summarize_classes
from pawprint.photos.manifest import Archive, Manifest, combine_digests, load_manifest
from pawprint.photos.photo_table import FILE_NAME, Photo, read_photo_table
from pawprint.photos.recall import recall_archive, recall_folder

__all__ = ["Photo", "PhotoCollection", "count_photos", "load_photos", "load_readings", "summarize_photos"]


class PhotoCollection:
    """The photos, and how to read their bytes.

    It can be pickled and forked. Each process opens the archives itself, on the first read, because forked processes
    share the position of an open file.

    Attributes:
        manifest: The artifact's manifest.
        photos: The photos, sorted by name.
        columns: Names of the table's other columns.
    """

    def __init__(
        self,
        manifest: Manifest,
        paths: list[Path],
        photos: list[Photo],
        digests: dict[str, str],
        columns: tuple[str, ...] = (),
    ) -> None:
        self.manifest = manifest
        self.photos = photos
        self.columns = columns
        self._paths = paths
        self._folders = {path for path in paths if path.is_dir()}
        self._digests = digests  # of photos in folders kept by reference, by path
        self._open: dict[tuple[int, int], zipfile.ZipFile] = {}
        self._opening = threading.Lock()  # otherwise two threads could open an archive twice and lose one of them

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_open", "_opening"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _open={}, _opening=threading.Lock())

    def name(self, photo: Photo) -> str:
        """Return a photo's name in tables: its member, with the archive's number if there are several archives."""
        return photo.member if len(self.manifest.archives) == 1 else f"{photo.archive}:{photo.member}"

    def read(self, photo: Photo) -> bytes:
        """Return the bytes of the photo's file.

        Raises:
            UnreadableMemberError: This member of the archive is damaged; other photos may be intact.
            UserError: The photo is kept by reference, and is missing or has changed.
        """
        path = self._paths[photo.archive]
        if path in self._folders:
            return self._read_file(path / photo.member)
        key = (os.getpid(), photo.archive)
        with self._opening:
            if key not in self._open:
                self._open[key] = open_zip(path)
        return read_member(self._open[key], photo.member)

    def _read_file(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"{path}, kept by reference, cannot be read ({error.strerror}); put it back or download again"
            ) from error
        if hashlib.sha256(data).hexdigest() != self._digests.get(str(path)):
            raise UserError(f"{path} has changed since it was downloaded by reference; run download again")
        return data


def load_photos(folder: Path, *, labelled: bool = True) -> PhotoCollection:
    """Load a `photos/` artifact.

    Photos kept by reference are searched for where the manifest says: a path is read in place, a URL through the
    download cache, drawn photos are drawn again. Archives are hashed here; photos of a folder kept by reference are
    hashed when they are read.

    Args:
        folder: The folder of the artifact.
        labelled: False to include photos without a class.

    Raises:
        UserError: The folder is not a photos artifact, or its photos are missing or have changed.
    """
    manifest = load_manifest(folder)
    paths: list[Path] = []
    digests: dict[str, str] = {}
    for archive in manifest.archives:
        if archive.members is not None:
            path = recall_folder(str(archive.location))
            found = _load_members(folder / archive.members, archive)
            digests.update({str(path / member): digest for member, digest in found.items()})
        else:
            path = _find_archive(folder, archive)
        paths.append(path)
    photos = _load_table(folder, manifest)
    known = [photo for photo in photos if photo.label]
    if combine_digests(manifest.archives) != manifest.sha256 or count_photos(known) != manifest.counts:
        raise UserError(f"{folder / 'manifest.json'} does not agree with the photos beside it; run download again")
    return PhotoCollection(manifest, paths, known if labelled else photos, digests, manifest.columns)


def load_readings(folder: Path) -> list[Reading]:
    """Return the reading of each archive of a `photos/` artifact, as `labels=auto` reuses it.

    Raises:
        UserError: The folder is not a photos artifact, or its table has changed since download.
    """
    manifest = load_manifest(folder)
    photos = [photo for photo in _load_table(folder, manifest) if photo.label]
    left_out = LeftOut()
    for reason in manifest.unlabelled:
        left_out[reason] = manifest.ignored.get(reason, 0)
        left_out.names[reason] = manifest.ignored_names.get(reason, [])
    return [
        Reading(
            manifest.labels,
            manifest.explanation,
            tuple(Labelled(one.member, one.label, one.split, one.columns) for one in photos if one.archive == position),
            left_out if position == 0 else LeftOut(),  # counted by source, not by archive
            manifest.columns,
            manifest.groups,
            manifest.notes,
        )
        for position in range(len(manifest.archives))
    ]


def summarize_photos(folder: Path) -> list[str]:
    """Return, in at most 20 lines, what a `photos/` artifact holds and how its classes were read.

    Raises:
        UserError: The folder is not a photos artifact.
    """
    manifest = load_manifest(folder)
    photos = _load_table(folder, manifest)
    if not manifest.labels:
        return [f"{len(photos)} photos, whose classes are not asked for"]
    return summarize_classes(
        [Labelled(one.member, one.label, one.split) for one in photos if one.label],
        labels=manifest.labels,
        explanation=manifest.explanation,
        left_out=manifest.ignored,
        left_out_names=manifest.ignored_names,
        notes=manifest.notes,
        groups=manifest.groups,
    )


def count_photos(photos: list[Photo]) -> dict[str, dict[str, int]]:
    """Return the number of photos by split ("unassigned" if none is given) and class."""
    counts = Counter((photo.split or "unassigned", photo.label) for photo in photos)
    table: dict[str, dict[str, int]] = {}
    for (split, label), number in sorted(counts.items()):
        table.setdefault(split, {})[label] = number
    return table


def _find_archive(folder: Path, archive: Archive) -> Path:
    if archive.file is None:
        return recall_archive(str(archive.location), sha256=archive.sha256)
    path = folder / archive.file
    if not path.is_file():
        raise UserError(f"{path} is missing from the photos artifact; run download again")
    if hash_file(path) != archive.sha256:
        raise UserError(f"{path} is not the archive that its manifest describes (sha256 differs); run download again")
    return path


def _load_table(folder: Path, manifest: Manifest) -> list[Photo]:
    path = folder / FILE_NAME
    try:
        if hash_file(path) != manifest.labels_sha256:
            raise ValueError("its sha256 is not the manifest's")
        return read_photo_table(path, archives=len(manifest.archives))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is not the table that download wrote ({error}); run download again") from error


def _load_members(path: Path, archive: Archive) -> dict[str, str]:
    if not path.is_file() or hash_file(path) != archive.sha256:
        raise UserError(f"{path} is missing or not what its manifest describes; run download again")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            digests = {row["member"]: row["sha256"] for row in read_dicts(file)}
        if harmful := [member for member in digests if member is None or reason_unsafe(member)]:
            raise ValueError(f"it names {harmful[0]!r}")
    except (KeyError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is no list of photos that pawprint wrote ({error}); run download again") from error
    return digests
