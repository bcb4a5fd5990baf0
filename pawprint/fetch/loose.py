"""Loose photos in a bucket: list them, download several at a time, and pack them into one zip in the cache."""

import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from pawprint.archives.left_out import LeftOut
from pawprint.archives.packing import pack_files
from pawprint.base.files import hash_file, now, write_beside
from pawprint.base.space import check_space
from pawprint.fetch.buckets import ERRORS, read_object, refuse
from pawprint.fetch.download import fetch_url, read_version
from pawprint.fetch.downloads import Download, download_path, find_download, write_record
from pawprint.fetch.errors import BrokeOffError, MissingError, SilentError, UnreachableError
from pawprint.fetch.object_stores import open_store
from pawprint.fetch.partials import KEPT_SECONDS, hold
from pawprint.fetch.prefixes import LooseObject, list_loose
from pawprint.fetch.retries import BUSY_SECONDS, keep_trying
from pawprint.fetch.streams import WAIT_SECONDS
from pawprint.fetch.unreached import note_unreached

LOG = logging.getLogger(__name__)

FETCHED_AT_ONCE = 16  # objects downloaded at the same time
HANDED_OUT = 1000
"""Objects that may wait for a worker at the same time."""
SUFFIX = ".objects"

Result = TypeVar("Result")


def fetch_bucket(url: str, *, wait_seconds: float, busy_seconds: float) -> tuple[str, Download, LeftOut]:
    """Return what a bucket holds at a URL: an archive, or else the loose photos under that prefix.

    Returns:
        The URL, with a slash at its end if it is a prefix; the file in the cache; and what was left out.

    Raises:
        UnreachableError: It cannot be downloaded, or is neither.
    """

    def fetch_archive(url: str) -> tuple[str, Download, LeftOut]:
        return url, fetch_url(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds), LeftOut()

    def fetch_prefix(url: str) -> tuple[str, Download, LeftOut]:
        return url, *fetch_loose(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)

    return _choose(url, fetch_archive, fetch_prefix)


def read_bucket_version(url: str, *, wait_seconds: float, busy_seconds: float) -> str | None:
    """Return a value that differs when the archive, or the photos, at a URL have changed; None if the store has none.

    Raises:
        UnreachableError: The URL cannot be read.
    """

    def read_archive(url: str) -> str | None:
        return read_version(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)

    def read_prefix(url: str) -> str | None:
        return read_loose_version(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)

    return _choose(url, read_archive, read_prefix)


def _choose(url: str, of_archive: Callable[[str], Result], of_prefix: Callable[[str], Result]) -> Result:
    """Treat a URL as an object, or as a prefix if it ends with a slash or there is no object of that name."""
    if url.endswith("/"):
        return of_prefix(url)
    if download_path(f"{url}/").is_file() and not download_path(url).is_file():  # cached as a prefix
        return of_prefix(f"{url}/")
    try:
        return of_archive(url)
    except MissingError as error:
        with suppress(MissingError):
            return of_prefix(f"{url}/")
        raise error from None


def fetch_loose(
    url: str, *, sha256: str | None = None, wait_seconds: float = WAIT_SECONDS, busy_seconds: float = BUSY_SECONDS
) -> tuple[Download, LeftOut]:
    """Return the photos under a prefix as an uncompressed zip in the cache, and what was left out.

    The prefix is listed; if the cache already holds a zip of the same objects, that zip is used. Objects downloaded by
    an interrupted run are not downloaded again.

    Args:
        url: A prefix in a bucket, with a slash at its end.
        sha256: The digest the zip must have, if known: a cached zip with this digest is used without asking.
        wait_seconds: Longest wait for the first answer.
        busy_seconds: Longest wait for a store that answers that it is busy.

    Raises:
        UnreachableError: The prefix cannot be listed, or is empty.
    """
    cached = find_download(url)
    if cached is not None and cached.sha256 == sha256:
        return cached, LeftOut()
    try:
        loose = list_loose(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    except UnreachableError as error:
        if cached is None:
            raise
        LOG.warning("photos: %s; what the download cache holds of it is taken", error)
        return cached, LeftOut()
    path = download_path(url)
    path.parent.mkdir(exist_ok=True)
    with hold(path) as waited:
        cached = find_download(url) if waited else cached
        if cached is not None and cached.version == loose.version:
            LOG.info("photos: %s from the download cache, as of %s (%s)", url, cached.retrieved_at, path)
            return cached, loose.left_out
        _sweep(path.parent)
        folder = path.with_suffix(SUFFIX)
        folder.mkdir(exist_ok=True)
        _fetch_objects(url, loose.objects, folder, busy_seconds)
        beside = folder / "photos.zip"
        pack_files(beside, _take_out(loose.objects, folder))
        download = Download(path, hash_file(beside), now(), loose.version)
        beside.replace(path)
        write_record(url, download)
        shutil.rmtree(folder)
    return download, loose.left_out


def read_loose_version(
    url: str, *, wait_seconds: float = WAIT_SECONDS, busy_seconds: float = BUSY_SECONDS
) -> str | None:
    """Return a value that differs when the photos under a prefix have changed; from the cache if it cannot be listed.

    Raises:
        UnreachableError: The prefix cannot be listed, and the cache holds nothing of it.
    """
    try:
        return list_loose(url, wait_seconds=wait_seconds, busy_seconds=busy_seconds).version
    except UnreachableError as error:
        note_unreached(url, str(error))
        cached = find_download(url)
        if cached is None:
            raise
        return cached.version


def _fetch_objects(url: str, objects: tuple[LooseObject, ...], folder: Path, busy_seconds: float) -> None:
    """Download the objects that are not there yet, several at a time."""
    missing = [one for one in objects if not _place(folder, one).is_file()]
    size = sum(one.size for one in missing)
    check_space(url, {folder: size + sum(one.size for one in objects)})
    try:
        store, _ = open_store(url)
    except ERRORS as error:
        raise refuse(url, error, SilentError) from error
    came = _Count()

    def fetch(one: LooseObject) -> None:
        keep_trying(
            lambda: _fetch_object(url, store, one, _place(folder, one), came),
            reached=lambda: came.total,
            busy_seconds=busy_seconds,
        )

    with (
        tqdm(total=size, desc="photos", unit="B", unit_scale=True, delay=2, disable=None, leave=False) as bar,
        ThreadPoolExecutor(FETCHED_AT_ONCE, "fetch photos") as workers,
    ):
        try:
            for start in range(0, len(missing), HANDED_OUT):
                for _ in workers.map(fetch, missing[start : start + HANDED_OUT]):
                    bar.update(came.total - bar.n)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise


class _Count:
    """A counter of bytes that arrive in several threads."""

    def __init__(self) -> None:
        self.total = 0
        self._turn = threading.Lock()

    def add(self, number: int) -> None:
        with self._turn:
            self.total += number


def _fetch_object(url: str, store: Any, one: LooseObject, path: Path, came: _Count) -> None:
    name = url + one.name
    try:
        pieces = read_object(name, store, one.key, one.mark)
    except ERRORS as error:
        raise refuse(name, error, BrokeOffError) from error
    with write_beside(path) as beside:
        with beside.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                came.add(len(piece))
            size = file.tell()
        if size != one.size:
            raise BrokeOffError(f"{name} broke off after {size} of {one.size} bytes")


def _take_out(objects: tuple[LooseObject, ...], folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each object's file, and delete it when the next one is requested."""
    for one in objects:
        path = _place(folder, one)
        yield one.name, path
        path.unlink()


def _place(folder: Path, one: LooseObject) -> Path:
    return folder / hashlib.sha256(f"{one.key}\0{one.mark}".encode()).hexdigest()[:32]


def _sweep(downloads: Path) -> None:
    """Delete objects that no run has used for a week."""
    for folder in downloads.glob(f"*{SUFFIX}"):
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
