"""Each kind of place, turned into an archive or a folder at hand."""

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
    """Get what a place names: a local path as it lies, anything else through the cache or from another run.

    Args:
        place: Where the photos are.
        resolve_uri: Turns `runs:/…` into a local folder.
        wait_seconds: How long to wait at most for the first bytes of a remote place.
        busy_seconds: How long to wait at most for one that says it is busy.

    Returns:
        One archive or folder; of another run's photos, as many as it has.

    Raises:
        UnreachableError: Not there, or what came is no archive.
        UserError: There, but not to be used.
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
    """Find a folder, a zip or a tar on this machine.

    Raises:
        UnreachableError: Nothing is there.
        UserError: Something is, but no folder, zip or tar, or it cannot be read.
    """
    try:
        path = expand_path(place.text)
        if not path.exists():
            stands_for = f" ({path})" if "~" in place.text else ""
            raise UnreachableError(f"source {place.text!r}{stands_for} does not exist{_how_to_mend(path)}")
        path = path.absolute()
        if not path.is_dir() and not path.is_file():  # to read a pipe is to wait for ever
            raise UserError(f"source {place.text!r} is a pipe or a device; expected a folder, zip or tar")
        kind = source_kind(path)
        looks = "" if kind else describe_file(path)
    except RuntimeError as error:
        raise UnreachableError(f"source {place.text!r} begins with ~ and a name that is nobody's here") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UnreachableError(f"source {place.text[:80]!r}… does not exist: it is too long for a path") from error
        raise UserError(f"source {place.text!r} cannot be read ({error.strerror}); mend its permissions") from error
    if kind is None:
        raise UserError(f"source {place.text!r} is no archive: it looks like {looks}; expected a folder, zip or tar")
    return Received(path, kind, zip_name(path.name), str(path), now(), split=place.split, licence=place.licence)


def zip_name(name: str) -> str:
    """Return a file name that any system and any artifact store takes, ending in `.zip`.

    >>> zip_name("my photos.zip"), zip_name("pets.tar.gz"), zip_name("café:1"), zip_name("…")
    ('my-photos.zip', 'pets.zip', 'caf-1.zip', 'photos.zip')
    """
    stem = re.sub(r"(\.zip|\.tar(\.\w+)?|\.t[gx]z)$", "", name, flags=re.IGNORECASE)
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:100] or "photos") + ".zip"


def _how_to_mend(path: Path) -> str:
    if path.is_absolute():
        return "; expected the path of a folder, a zip or a tar"
    text = (
        f" in {Path.cwd()}, where this step runs; give an absolute path: a run started from a git URL "
        "runs in MLflow's own clone, not in the folder that you started it from"
    )
    # MLflow hands on no variable with the caller's folder. Its default store lies there, but a store may be
    # set to lie anywhere: good for a hint, not for reading photos that may be others than those meant.
    store = re.fullmatch(r"sqlite:///(.+)", os.environ.get("MLFLOW_TRACKING_URI", ""))
    perhaps = Path(unquote(store[1])).parent / path if store else None
    return f"{text} (perhaps {perhaps})" if perhaps is not None and perhaps.exists() else text


def _receive_run(place: Place, resolve_uri: Callable[[str], Path]) -> list[Received]:
    from pawprint.photos.collection import load_readings

    try:
        folder = resolve_uri(place.text)
    except UserError as error:
        raise UnreachableError(f"source {place.text!r} cannot be had: {error}") from error
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
        # The folder may be a temporary copy of the other run's artifact: nothing to refer to.
        keep=archive.file is not None,
        reading=reading,
    )


def find_url(place: Place) -> str:
    """Return the address of a remote place."""
    # Imported here: the local sources and the checks before a run do without the network's libraries.
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
    # Of an address its last part; `kaggle:<owner>/<slug>` reads the same.
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
