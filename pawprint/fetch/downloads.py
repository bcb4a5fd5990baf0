"""The files in the download cache: one for each URL, with a record of its version and digest beside it."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pawprint.base.cache import cache_folder
from pawprint.base.files import hash_file, write_beside

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A file in the cache: its path, its sha256, when it was downloaded (ISO 8601, UTC), and the sender's version."""

    path: Path
    sha256: str
    retrieved_at: str
    version: str | None = None


def download_path(url: str) -> Path:
    """Return the path in the cache for a URL; it may not exist yet."""
    return cache_folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:32]


def find_download(url: str) -> Download | None:
    """Return the cached file of a URL, if it exists and has not been altered since its download."""
    path = download_path(url)
    try:
        content = json.loads(_record(path).read_text())
        if hash_file(path) == content["sha256"]:
            return Download(path, content["sha256"], content["retrieved_at"], content.get("version"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    LOG.warning("photos: %s in the download cache is damaged, fetching it again", path)
    return None


def write_record(url: str, download: Download) -> None:
    """Write the record of a download, whole or not at all."""
    shown = urlunsplit((*urlsplit(url)[:3], "", ""))  # the query of an address may contain a secret
    facts = {
        "url": shown,
        "sha256": download.sha256,
        "retrieved_at": download.retrieved_at,
        "version": download.version,
    }
    with write_beside(_record(download.path)) as beside:
        beside.write_text(json.dumps(facts))


def _record(path: Path) -> Path:
    return path.with_suffix(".json")
