"""What the download cache holds: a file for each URL, and beside it a record of what it is."""

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
    """A file in the cache: where, its sha256, when it came (ISO 8601 in UTC), and its version at the sender's."""

    path: Path
    sha256: str
    retrieved_at: str
    version: str | None = None


def download_path(url: str) -> Path:
    """Return where the cache keeps, or would keep, what a URL gives."""
    return cache_folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:32]


def find_download(url: str) -> Download | None:
    """Return what the cache holds of a URL, if it still is what it was when it came."""
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
    """Write down what was fetched, whole or not at all."""
    shown = urlunsplit((*urlsplit(url)[:3], "", ""))  # an address may have a secret in its query
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
