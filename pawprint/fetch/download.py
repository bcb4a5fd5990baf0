"""Download an archive once, check it, and keep it in the shared cache."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tqdm import tqdm

from pawprint.archives.packing import check_members, check_whole
from pawprint.archives.sniffing import starts_as_archive
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file, now
from pawprint.base.space import check_space
from pawprint.fetch import http
from pawprint.fetch.downloads import Download, download_path, find_download, write_record
from pawprint.fetch.errors import BrokeOffError, MissingError, UnreachableError
from pawprint.fetch.partials import Partial, hold, matches, sweep_partials
from pawprint.fetch.retries import BUSY_SECONDS, keep_trying
from pawprint.fetch.streams import WAIT_SECONDS, Resume, Stream, open_within
from pawprint.fetch.unreached import find_unreached, note_unreached

LOG = logging.getLogger(__name__)

SLOWEST_BYTES = 1024
"""Bytes that must arrive within http.STALL_SECONDS; with fewer, the transfer counts as stalled."""


def gdrive_url(file_id: str) -> str:
    """Return the download address of a shared file on Google Drive."""
    return f"{http.DRIVE_URL}?{urlencode({'export': 'download', 'id': file_id})}"


def fetch_url(
    url: str,
    *,
    sha256: str | None = None,
    wait_seconds: float = WAIT_SECONDS,
    busy_seconds: float = BUSY_SECONDS,
    check: Callable[[Path], None] = check_whole,
) -> Download:
    """Return an archive from the cache, or download it into the cache first.

    The sender is asked whether the cached version is still the current one; if it cannot be asked, the cache is used
    with a warning that gives the date. If the sha256 is known, nobody is asked. A cached file that has been altered is
    downloaded again.

    A broken transfer continues where it stopped, in this process or the next, if the sender supports that and its file
    has not changed; else it starts again. Only a complete zip or tar enters the cache, or what `check` accepts instead.

    Args:
        url: An http(s) address, or an object in a bucket.
        sha256: The digest the archive must have, if known.
        wait_seconds: Longest wait for the first bytes.
        busy_seconds: Longest wait for a sender that answers that it is busy.
        check: Raises a UserError if the file is not what it should be, or is incomplete.

    Raises:
        UnreachableError: The archive cannot be downloaded, or the file is not an archive.
        UserError: The file has another digest than `sha256`.
    """
    path = download_path(url)

    def ask(resume: Resume | None = None) -> Stream:
        return _ask(url, resume, wait_seconds)

    cached = find_download(url)
    if cached is not None and (cached.sha256 == sha256 or (sha256 is None and _is_current(cached, ask, busy_seconds))):
        LOG.info("photos: %s from the download cache, as of %s (%s)", url, cached.retrieved_at, path)
        return cached
    path.parent.mkdir(exist_ok=True)
    with hold(path) as waited:
        came = find_download(url) if waited else None
        if came is not None and came != cached and sha256 in {None, came.sha256}:
            return came
        sweep_partials(path.parent)
        partial = Partial(path)
        try:
            found = keep_trying(
                lambda: _attempt(url, partial, ask, sha256, check),
                reached=lambda: partial.furthest,
                busy_seconds=busy_seconds,
            )
        except UserError:
            partial.keep_if_resumable()
            raise
        download = Download(path, found, now(), partial.version)
        partial.move(path)
        write_record(url, download)
    return download


def read_version(url: str, *, wait_seconds: float = WAIT_SECONDS, busy_seconds: float = BUSY_SECONDS) -> str | None:
    """Return the version of an archive that a download would give: its ETag, else its date, and its length.

    The version comes from the sender; if the sender cannot be asked, from the download cache. The steps started by this
    process learn which addresses could not be reached, so that they do not wait for them again.

    Returns:
        The version, or None if the sender gives none.

    Raises:
        UnreachableError: The archive cannot be downloaded.
    """
    try:
        stream = keep_trying(lambda: _ask(url, None, wait_seconds), busy_seconds=busy_seconds)
    except UnreachableError as error:
        if not isinstance(error, MissingError):  # in a bucket it may be a folder
            note_unreached(url, str(error))
        cached = find_download(url)
        if cached is None:
            raise
        return cached.version
    stream.close()
    return stream.version


def _is_current(cached: Download, ask: Callable[[], Stream], busy_seconds: float) -> bool:
    """Return whether the cache can be used: the sender still has that version, or cannot be asked."""
    try:
        stream = keep_trying(ask, busy_seconds=busy_seconds)
    except UnreachableError as error:
        LOG.warning("photos: %s; what the download cache holds of it is taken", error)
        return True
    stream.close()
    return stream.version is not None and stream.version == cached.version


def _ask(url: str, resume: Resume | None, wait_seconds: float) -> Stream:
    reason = find_unreached(url)
    if reason is not None:
        raise UnreachableError(reason)
    return open_within(wait_seconds, lambda: _open(url, resume), name=url)


def _open(url: str, resume: Resume | None) -> Stream:
    if urlsplit(url).scheme in {"http", "https"}:
        return http.open_web(url, resume)
    from pawprint.fetch.buckets import open_bucket

    return open_bucket(url, resume)


def _attempt(
    url: str,
    partial: Partial,
    ask: Callable[[Resume | None], Stream],
    sha256: str | None,
    check: Callable[[Path], None],
) -> str:
    """Complete a download from where it stopped, check it, and return its sha256.

    Raises:
        BrokeOffError: The file is incomplete or damaged, and another try may help.
        UnreachableError: The file cannot be downloaded, or is not an archive.
        UserError: The file has another digest than `sha256`.
    """
    stream = ask(partial.find_resume())
    try:
        _receive(stream, partial, url)
    finally:
        stream.close()
    if partial.num_bytes is not None and partial.size < partial.num_bytes:
        raise BrokeOffError(f"{url} broke off after {partial.size} of {partial.num_bytes} bytes")
    try:
        return _check(partial, url, stream.head if stream.start == 0 else b"", sha256, check)
    except UserError:
        partial.discard()
        raise


def _receive(stream: Stream, partial: Partial, url: str) -> None:
    if stream.num_bytes is not None:
        check_space(url, {partial.path.parent: stream.num_bytes - (partial.size if stream.start else 0)})
    since, came = time.monotonic(), 0
    # disable=None: no bar if stderr is not a terminal; delay: no bar for a fast download.
    with tqdm(
        initial=partial.size if stream.start else 0,
        total=stream.num_bytes,
        desc="photos",
        unit="B",
        unit_scale=True,
        delay=2,
        disable=None,
        leave=False,
    ) as bar:

        def count(num_bytes: int) -> None:
            nonlocal since, came
            bar.update(num_bytes)
            came += num_bytes
            if time.monotonic() - since > http.STALL_SECONDS:
                if came < SLOWEST_BYTES:
                    raise BrokeOffError(f"{url} stalled: {came} bytes in {time.monotonic() - since:.0f} s")
                since, came = time.monotonic(), 0

        try:
            partial.write(stream, count)
        except BrokeOffError as error:
            words = str(error)
            raise BrokeOffError(words if url in words else f"{url}: {words}") from error


def _check(partial: Partial, url: str, head: bytes, sha256: str | None, check: Callable[[Path], None]) -> str:
    """Check that the received file is the archive that was sent, and return its sha256."""
    if partial.digest is not None and not matches(partial.path, partial.digest):
        raise BrokeOffError(f"{url} does not match the {partial.digest[0]} that its server gives")
    found = hash_file(partial.path)
    if sha256 is not None and found != sha256:
        if partial.resumed:
            raise BrokeOffError(f"{url} sent a rest that does not fit the part downloaded before")
        raise UserError(f"{url} no longer gives the photos it gave (sha256 differs); download again")
    try:
        check(partial.path)
        if partial.resumed and sha256 is None and partial.digest is None:
            check_members(partial.path)
    except UserError as error:
        # Without a known length the file may be cut off; and two transfers may have brought parts of different files.
        if partial.resumed or (partial.num_bytes is None and starts_as_archive(head)):
            raise BrokeOffError(f"{url} gives {error}") from error
        raise UnreachableError(f"{url} gives {error}") from error
    return found
