"""Obtain the archive or folder of a place of any kind."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pawprint.archives.left_out import LeftOut
from pawprint.archives.sniffing import describe_file
from pawprint.base.errors import UserError
from pawprint.base.files import now, written_at
from pawprint.fetch.errors import UnreachableError
from pawprint.labels.readings import Reading
from pawprint.photos.grammar import Place, drawn_counts, expand_path
from pawprint.photos.manifest import Archive, Manifest, load_manifest
from pawprint.photos.received import Received
from pawprint.photos.shards import source_kind


def receive_place(
    place: Place, *, resolve_uri: Callable[[str], Path], wait_seconds: float, busy_seconds: float
) -> list[Received]:
    """Return the archives of a place: a local path is used in place, others come from the cache or from another run.

    Args:
        place: Where the photos are.
        resolve_uri: Turns `runs:/…` into a local folder.
        wait_seconds: Longest wait for the first bytes of a remote place.
        busy_seconds: Longest wait for a sender that answers that it is busy.

    Returns:
        One archive or folder; for the photos of another run, all of its archives.

    Raises:
        UnreachableError: The place does not exist, or what it sent is not an archive.
        UserError: The place exists but cannot be used.
    """
    if place.kind == "path":
        return [receive_path(place)]
    if place.kind == "runs":
        return _receive_run(place, resolve_uri)
    if place.kind == "synthetic":
        photos, seed = drawn_counts(place.text)
        location = f"synthetic:{photos}:{seed}"
        name = f"synthetic-{photos}-{seed}.zip"
        return [Received(None, "drawn", name, location, now(), split=place.split, licence=place.licence)]
    if place.kind == "hf":
        return [_receive_dataset(place, wait_seconds, busy_seconds)]
    return [_receive_url(place, wait_seconds, busy_seconds)]


def receive_path(place: Place) -> Received:
    """Return a folder, a zip or a tar on this machine.

    Raises:
        UnreachableError: The path does not exist.
        UserError: The path is not a folder, zip or tar, or cannot be read.
    """
    try:
        path = expand_path(place.text)
        if not path.exists():
            stands_for = f" ({path})" if "~" in place.text else ""
            raise UnreachableError(f"source {place.text!r}{stands_for} does not exist{_suggest_fix(path)}")
        path = path.absolute()
        if not path.is_dir() and not path.is_file():  # reading a pipe could wait for ever
            raise UserError(f"source {place.text!r} is a pipe or a device; expected a folder, zip or tar")
        kind = source_kind(path)
        looks = "" if kind else describe_file(path)
    except RuntimeError as error:
        raise UnreachableError(f"source {place.text!r} begins with ~ and a name that is nobody's here") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UnreachableError(f"source {place.text[:80]!r}… does not exist: it is too long for a path") from error
        raise UserError(f"source {place.text!r} cannot be read ({error.strerror}); change its permissions") from error
    if kind is None:
        raise UserError(f"source {place.text!r} is no archive: it looks like {looks}; expected a folder, zip or tar")
    return Received(path, kind, zip_name(path.name), str(path), now(), split=place.split, licence=place.licence)


def zip_name(name: str) -> str:
    """Return a file name, ending in `.zip`, that every system and every artifact store accepts.

    >>> zip_name("my photos.zip"), zip_name("pets.tar.gz"), zip_name("café:1"), zip_name("…")
    ('my-photos.zip', 'pets.zip', 'caf-1.zip', 'photos.zip')
    """
    stem = re.sub(r"(\.zip|\.tar(\.\w+)?|\.t[gx]z)$", "", name, flags=re.IGNORECASE)
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:100] or "photos") + ".zip"


def _suggest_fix(path: Path) -> str:
    if path.is_absolute():
        return "; expected the path of a folder, a zip or a tar"
    text = (
        f" in {Path.cwd()}, where this step runs; give an absolute path: a run started from a git URL "
        "runs in MLflow's own clone, not in the folder that you started it from"
    )
    # MLflow passes on no variable with the caller's folder. Its default store is there, but a store may be anywhere:
    # good enough for a hint, not for reading photos that may not be the ones meant.
    store = re.fullmatch(r"sqlite:///(.+)", os.environ.get("MLFLOW_TRACKING_URI", ""))
    perhaps = Path(unquote(store[1])).parent / path if store else None
    return f"{text} (perhaps {perhaps})" if perhaps is not None and perhaps.exists() else text


def _receive_run(place: Place, resolve_uri: Callable[[str], Path]) -> list[Received]:
    from pawprint.photos.collection import load_readings

    try:
        folder = resolve_uri(place.text)
    except UserError as error:
        raise UnreachableError(f"source {place.text!r} cannot be fetched: {error}") from error
    manifest = load_manifest(folder)
    if place.split and len(manifest.archives) > 1:
        raise UserError(
            f"source {place.text!r} holds a train and a test archive already; give it without {place.split}="
        )
    readings = load_readings(folder)
    return [
        _received_of_run(archive, folder, manifest, place.split, reading)
        for archive, reading in zip(manifest.archives, readings, strict=True)
    ]


def _received_of_run(
    archive: Archive, folder: Path, manifest: Manifest, split: str | None, reading: Reading
) -> Received:
    from pawprint.photos.recall import recall_archive, recall_folder

    kind, name, location = "zip", "photos.zip", str(archive.location)
    if archive.members is not None:
        kind, path = "folder", recall_folder(location)
    elif archive.file is not None:
        name, path = archive.file, folder / archive.file
    else:
        path = recall_archive(location, sha256=archive.sha256)
    return Received(
        path,
        kind,
        name,
        location,
        manifest.retrieved_at,
        split=split or archive.split,
        url=manifest.url,
        licence=manifest.licence,
        # The folder may be a temporary copy of the other run's artifact, which must not be referred to.
        keep=archive.file is not None,
        reading=reading,
    )


def find_url(place: Place) -> str:
    """Return the address of a remote place."""
    # Imported here: local sources and the checks before a run do not need the network libraries.
    from pawprint.fetch.download import gdrive_url
    from pawprint.fetch.kaggle import kaggle_url

    if place.kind == "kaggle":
        return kaggle_url(place.text.removeprefix("kaggle:"))
    return gdrive_url(place.text.removeprefix("gdrive:")) if place.kind == "gdrive" else place.text


def _receive_url(place: Place, wait_seconds: float, busy_seconds: float) -> Received:
    from pawprint.fetch.download import fetch_url

    url, left_out = find_url(place), LeftOut()
    if place.kind == "bucket":
        from pawprint.fetch.loose import fetch_bucket

        url, download, left_out = fetch_bucket(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    else:
        download = fetch_url(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    kind = source_kind(download.path)
    assert kind in {"zip", "tar", "shards"}  # noqa: S101 - nothing else gets into the cache
    # The last part of an address; `kaggle:<owner>/<slug>` works the same way.
    name = place.text.removeprefix("gdrive:") if place.kind == "gdrive" else Path(urlsplit(url).path).name
    return Received(
        download.path,
        str(kind),
        zip_name(name),
        url,
        download.retrieved_at,
        place.split,
        url=url,
        licence=place.licence,
        left_out=left_out,
    )


def _receive_dataset(place: Place, wait_seconds: float, busy_seconds: float) -> Received:
    from pawprint.fetch.hub import fetch_dataset, read_licence, resolve_dataset

    location = resolve_dataset(place.text, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    path = fetch_dataset(location, busy_seconds=busy_seconds)
    kind = source_kind(path)
    if kind is None:
        raise UnreachableError(f"{location} gives {path.name}, which looks like {describe_file(path)}")
    return Received(
        path,
        kind,
        zip_name(location.partition("@")[0].rpartition("/")[2]),
        location,
        written_at(path),
        place.split,
        url=location,
        licence=read_licence(path if path.is_dir() else path.parent),
    )
