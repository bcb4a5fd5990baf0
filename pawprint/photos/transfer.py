"""Archives fetched over the network once, checked, and kept in the shared cache."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import pooch
from tqdm import tqdm

from pawprint.errors import UserError
from pawprint.photos import web
from pawprint.photos.archives import check_whole, hash_file
from pawprint.photos.cache import cache_folder
from pawprint.photos.clock import now
from pawprint.photos.grammar import BUCKET_SCHEMES
from pawprint.photos.received import UnreachableError
from pawprint.photos.space import check_space
from pawprint.photos.streams import WAIT_SECONDS, Stream, open_within

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A file in the cache: where, its sha256, when it came (ISO 8601 in UTC), and its version at the sender's."""

    path: Path
    sha256: str
    retrieved_at: str
    version: str | None = None


def kaggle_url(dataset: str) -> str:
    """Return the address of a dataset `<owner>/<slug>` in Kaggle's public REST interface."""
    return f"{web.KAGGLE_URL}{dataset}"


def gdrive_url(file_id: str) -> str:
    """Return the download address of a shared file on Google Drive."""
    return f"{web.DRIVE_URL}?{urlencode({'export': 'download', 'id': file_id})}"


def fetch_url(url: str, *, sha256: str | None = None, wait_seconds: float = WAIT_SECONDS) -> Download:
    """Return an archive from the cache, or download it into there.

    The sender is asked whether what the cache holds is still its version; where it can't be asked, the cache serves,
    and says as of when. One whose sha256 is known needs no asking. Only a whole zip or tar is ever kept: pooch writes
    to a temporary file, which is moved into the cache when it has been checked. A cached file that is no longer what
    it was when it came is fetched again.

    Args:
        url: http(s), or an object store's.
        sha256: What the archive must have, if it is known.
        wait_seconds: How long the first bytes may take.

    Raises:
        UnreachableError: It cannot be had, or what came is no archive.
        UserError: What came is not what `sha256` says.
    """
    path = cache_folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:32]
    record = path.with_suffix(".json")
    cached = _find_cached(path, record)
    if cached is not None and (cached.sha256 == sha256 or (sha256 is None and _is_current(cached, url, wait_seconds))):
        LOG.info("photos: %s from the download cache, as of %s (%s)", url, cached.retrieved_at, path)
        return cached
    versions: list[str | None] = []

    def download(_: str, output_file: str, __: Any) -> None:
        stream = open_within(wait_seconds, lambda: _open(url), name=url)
        versions.append(stream.version)
        try:
            _write(stream, Path(output_file), url)
        finally:
            stream.close()
        try:
            check_whole(Path(output_file))
        except UserError as error:
            raise UnreachableError(f"{url} gives {error}") from error

    # pooch would say the digest and that it is unknown, which the manifest says better.
    pooch.get_logger().setLevel("WARNING")
    path.parent.mkdir(exist_ok=True)
    # In a folder of its own until it is whole: another run may be fetching the same.
    with TemporaryDirectory(dir=path.parent) as fresh:
        try:
            pooch.retrieve(url, known_hash=sha256, fname=path.name, path=fresh, downloader=download)
        except ValueError as error:  # pooch's word for a digest that differs
            raise UserError(f"{url} no longer gives the photos it gave (sha256 differs); download again") from error
        came = Path(fresh, path.name)
        found = Download(path, hash_file(came), now(), versions[-1])
        came.replace(path)
    shown = urlunsplit((*urlsplit(url)[:3], "", ""))  # a signed address has its secret in the query
    facts = {"url": shown, "sha256": found.sha256, "retrieved_at": found.retrieved_at, "version": found.version}
    record.write_text(json.dumps(facts))
    return found


def read_version(url: str, *, wait_seconds: float = WAIT_SECONDS) -> str | None:
    """Ask which version of an archive the sender has: its ETag, else its date, and its length.

    Returns:
        The version, or None where the sender tells none.

    Raises:
        UnreachableError: the archive cannot be had.
    """
    stream = open_within(wait_seconds, lambda: _open(url), name=url)
    stream.close()
    return stream.version


def _is_current(cached: Download, url: str, wait_seconds: float) -> bool:
    """Say whether the cache may serve: the sender still has that version, or can't be asked."""
    try:
        version = read_version(url, wait_seconds=wait_seconds)
    except UnreachableError as error:
        LOG.warning("photos: %s; what the download cache holds of it is taken", error)
        return True
    return version is not None and version == cached.version


def _find_cached(path: Path, record: Path) -> Download | None:
    try:
        content = json.loads(record.read_text())
        if hash_file(path) == content["sha256"]:
            return Download(path, content["sha256"], content["retrieved_at"], content.get("version"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    LOG.warning("photos: %s in the download cache is damaged, fetching it again", path)
    return None


def _open(url: str) -> Stream:
    if urlsplit(url).scheme in BUCKET_SCHEMES:
        from pawprint.photos.buckets import open_bucket

        return open_bucket(url)
    return web.open_web(url)


def _write(stream: Stream, path: Path, url: str) -> None:
    if stream.num_bytes is not None:
        check_space(url, {path.parent: stream.num_bytes})
    written = 0
    # disable=None: no bar where stderr is no terminal; delay: none for what takes no time.
    with (
        path.open("wb") as file,
        tqdm(
            total=stream.num_bytes,
            desc="photos",
            unit="B",
            unit_scale=True,
            delay=2,
            disable=None,
            leave=False,
        ) as bar,
    ):
        for pieces in ([stream.head], stream.rest):
            for piece in pieces:
                file.write(piece)
                written += len(piece)
                bar.update(len(piece))
    if stream.num_bytes is not None and written != stream.num_bytes:
        raise UnreachableError(f"{url} broke off after {written} of {stream.num_bytes} bytes")
