"""Read and write `manifest.json` of the `photos/` artifact: what the photos are, and where they came from."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from pawprint.base.errors import UserError
from pawprint.base.files import write_beside, write_json

FILE_NAME = "manifest.json"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Archive:
    """One archive or folder of photos.

    Attributes:
        file: Its name inside the artifact; None if it is kept by reference.
        location: If it is kept by reference: its absolute path, URL or `synthetic:…`; else None.
        sha256: The digest of the zip; for a folder kept by reference, that of its list of members and digests.
        bytes: Size of the zip, or of all photos in the folder.
        split: The split of all its photos, if the source named it.
        members: For a folder kept by reference, the csv in the artifact with each photo's sha256.
    """

    file: str | None
    location: str | None
    sha256: str
    bytes: int
    split: str | None = None
    members: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The content of the manifest.

    Attributes:
        source: The source that was used, among those requested.
        requested: The whole `source` parameter.
        keep_photos: "copy" or "reference".
        sha256: The digest of the archive; with several archives, that of their digests.
        retrieved_at: When the photos were obtained, ISO 8601 in UTC; for a cached download, when it was downloaded.
        archives: One, or one for each split.
        counts: Number of photos by split ("unassigned" if none is given) and class.
        ignored: Number of files that are not photos, or not readable, by reason.
        ignored_names: The first names for each reason.
        fallback: The sources tried before, each as `{"source": …, "reason": …}`.
        url: Where the photos can be downloaded, if anywhere.
        licence: The licence, if known.
        unlabelled: The reasons in `ignored` that mean a photo without a class in the reading.
        labels: Value of the parameter `labels` that chooses the reading of the classes; "" if none was needed.
        labels_sha256: The digest of `photos.csv`, which holds the reading.
        explanation: Why the classes are read in this way.
        notes: Remarks about the classes, in sentences.
        columns: Names of the table's other columns.
        groups: Values of the parameter `group` that the layout suggests.
    """

    source: str
    requested: str
    keep_photos: str
    sha256: str
    bytes: int
    retrieved_at: str
    archives: tuple[Archive, ...]
    counts: dict[str, dict[str, int]]
    ignored: dict[str, int]
    fallback: list[dict[str, str]] = field(default_factory=list)
    url: str | None = None
    licence: str | None = None
    ignored_names: dict[str, list[str]] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    labels: str = ""
    labels_sha256: str = ""
    explanation: str = ""
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def explain_fallback(self) -> str | None:
        """Return why the sources tried before were not used; None if the first one was used."""
        return "; ".join(f"{tried['source']}: {tried['reason']}" for tried in self.fallback) or None


def combine_digests(archives: tuple[Archive, ...]) -> str:
    """Return the digest of all photos: that of the only archive, or that of all archives' digests in order."""
    if len(archives) == 1:
        return archives[0].sha256
    lines = "".join(f"{archive.split} {archive.sha256}\n" for archive in archives)
    return hashlib.sha256(lines.encode()).hexdigest()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `manifest.json` into a folder, whole or not at all."""
    with write_beside(folder / FILE_NAME) as beside:
        write_json(asdict(manifest), beside)


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of a `photos/` artifact.

    Raises:
        UserError: The folder is not a photos artifact, or has a schema that this version cannot read.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{folder} is no photos artifact: it holds no readable {FILE_NAME}; "
            "expected the `photos` artifact of a download run, runs:/<run id>/photos"
        ) from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version}; this version of pawprint reads {SCHEMA_VERSION}: "
            "run download again, or use the version that wrote it"
        )
    try:
        return _build_manifest(content)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is not a manifest that pawprint wrote ({error}); run download again") from error


def _build_manifest(content: dict[str, Any]) -> Manifest:
    archives = tuple(Archive(**archive) for archive in content.pop("archives"))
    content |= {name: tuple(content.pop(name)) for name in ("unlabelled", "notes", "columns", "groups")}
    manifest = Manifest(archives=archives, **content)
    for archive in archives:
        for name in (archive.file, archive.members):
            if name is not None and (not isinstance(name, str) or PurePath(name).name != name):
                raise ValueError(f"{name!r} is no name of a file beside it")
        _check_text(archive.sha256)
        _check_text(archive.location or "")
    words = (*manifest.notes, *manifest.columns, *manifest.groups)
    reading = (manifest.labels, manifest.labels_sha256, manifest.explanation, *words)
    for text in (manifest.source, manifest.requested, manifest.sha256, manifest.retrieved_at, *reading):
        _check_text(text)
    if not all(
        isinstance(number, int) for split in manifest.counts.values() for number in (*split.values(), manifest.bytes)
    ):
        raise TypeError("counts that are no numbers")
    return manifest


def _check_text(value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where text is expected")
