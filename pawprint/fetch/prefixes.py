"""List the objects under a prefix of a bucket that are worth fetching, with a version that changes with any of them."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import obstore
from tqdm import tqdm

from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import MAX_MEMBERS
from pawprint.archives.wanted import sort_files
from pawprint.fetch.buckets import ERRORS, refuse
from pawprint.fetch.errors import BrokeOffError, MissingError, SilentError, UnreachableError
from pawprint.fetch.object_stores import open_store
from pawprint.fetch.retries import BUSY_SECONDS, keep_trying
from pawprint.fetch.streams import WAIT_SECONDS, answer_within
from pawprint.fetch.unreached import find_unreached

LISTED_AT_ONCE = 1000  # objects in one answer of a store


@dataclass(frozen=True)
class LooseObject:
    """An object under a prefix: its name below the prefix, its key, and its ETag and size from the listing."""

    name: str
    key: str
    mark: str | None
    size: int


@dataclass(frozen=True)
class Loose:
    """The content of a prefix.

    Attributes:
        objects: The objects to fetch, by name.
        left_out: The number of other objects, by reason.
        version: A digest of names, ETags and sizes, which changes with any of them.
    """

    objects: tuple[LooseObject, ...]
    left_out: LeftOut
    version: str


def list_loose(url: str, *, wait_seconds: float = WAIT_SECONDS, busy_seconds: float = BUSY_SECONDS) -> Loose:
    """List the objects under a prefix.

    Raises:
        UnreachableError: The prefix cannot be listed, is empty, or holds more objects than the limit.
    """
    if (reason := find_unreached(url)) is not None:
        raise UnreachableError(reason)
    found = keep_trying(lambda: _list_objects(url, wait_seconds), busy_seconds=busy_seconds)
    if not found:
        raise MissingError(f"{url} cannot be read: nothing lies there; expected photos, a zip or a tar")
    by_name = {one.name: one for one in found}
    names, left_out = sort_files({one.name: one.size for one in found})
    objects = tuple(by_name[name] for name in names)
    lines = "".join(f"{one.name}\0{one.mark}\0{one.size}\n" for one in objects)
    version = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
    return Loose(objects, left_out, f"{version} {len(objects)}")


def _list_objects(url: str, wait_seconds: float) -> list[LooseObject]:
    objects: list[LooseObject] = []

    def ask() -> tuple[Any, Any, str]:
        store, key = open_store(url)
        pages = obstore.list(store, key.strip("/") or None, chunk_size=LISTED_AT_ONCE)
        return pages, next(pages, []), key

    try:
        pages, page, key = answer_within(wait_seconds, ask, name=url)
        prefix = f"{key.strip('/')}/".lstrip("/")
        with tqdm(desc="photos listed", unit="", delay=2, disable=None, leave=False) as bar:
            while page:
                for found in page:
                    name = str(found["path"]).removeprefix(prefix)
                    mark = found["e_tag"] or str(found["last_modified"])
                    if found["size"] or PurePosixPath(name).suffix:  # else a folder made by a web console
                        objects.append(LooseObject(name, found["path"], mark, found["size"]))
                if len(objects) > MAX_MEMBERS:
                    raise UnreachableError(f"{url} holds more than {MAX_MEMBERS:,} objects; name a folder within it")
                bar.update(len(page))
                page = next(pages, [])
    except ERRORS as error:
        raise refuse(url, error, BrokeOffError if objects else SilentError) from error
    return objects
