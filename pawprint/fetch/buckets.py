"""Download streams from object stores (`s3://`, `gs://`, `az://`) through obstore."""

import http.client
import re
from collections.abc import Generator
from typing import Any

import obstore
from botocore.exceptions import BotoCoreError
from google.auth.exceptions import GoogleAuthError
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

from pawprint.base.errors import one_line
from pawprint.base.secrets import hide_queries
from pawprint.fetch.errors import BrokeOffError, BusyError, MissingError, SilentError, UnreachableError
from pawprint.fetch.object_stores import open_store
from pawprint.fetch.streams import Resume, Stream

PIECE_BYTES = 64 * 2**10
BUSY = {408, 429, 500, 502, 503, 504}
# FileNotFoundError is an OSError; obstore raises ValueError for a configuration it cannot use.
ERRORS = (BaseError, BotoCoreError, GoogleAuthError, OSError, ValueError)
SIGNS = (
    ("dns error", "its name cannot be resolved (no network, or a misspelt host)"),
    ("ConnectionRefused", "connection refused"),
    ("NetworkUnreachable", "no network"),
    ("certificate", "its certificate cannot be verified"),
    ("IncompleteBody", "the transfer was cut"),
    ("TimedOut", "no answer in time"),
    ("redirect without LOCATION", "the bucket lies in another region; set AWS_REGION"),
)
_STATUS = re.compile(r"status code: (\d{3})")


def open_bucket(url: str, resume: Resume | None = None) -> Stream:
    """Start a download from an object store.

    Args:
        url: The address of an object.
        resume: Where to continue, if the object has not changed.

    Raises:
        SilentError: No connection.
        BusyError: The store reports a temporary problem of its own.
        BrokeOffError: The object changed between two requests.
        MissingError: No such object.
        UnreachableError: No permission, or another refusal.
    """
    try:
        store, key = open_store(url)
        found = obstore.head(store, key)
        mark, num_bytes = found["e_tag"], found["size"]
        start = resume.start if resume and (resume.mark, resume.num_bytes) == (mark, num_bytes) else 0
        pieces = read_object(url, store, key, mark, start)
    except ERRORS as error:
        raise refuse(url, error, SilentError) from error
    head = next(pieces, b"")
    version = f"{mark} {num_bytes}" if mark else None
    # A weak ETag promises the same meaning, not the same bytes.
    strong = None if mark and mark.startswith("W/") else mark
    return Stream(head, pieces, num_bytes, pieces.close, version, strong, start)


def read_object(url: str, store: Any, key: str, mark: str | None, start: int = 0) -> Generator[bytes]:
    """Request an object, or the rest of it, and return its bytes in pieces.

    Args:
        url: The address shown to the user.
        store: The bucket.
        key: The object's key.
        mark: Its ETag; None if the store has none.
        start: The first byte to read.

    Raises:
        BrokeOffError: The object's ETag is another one, or its bytes ended early.
        UnreachableError: The object cannot be read.
    """
    options: Any = {"range": {"offset": start}} if start else {}
    got = obstore.get(store, key, options={**options, **({"if_match": mark} if mark else {})})
    # A store may ignore If-Match.
    if got.meta["e_tag"] != mark:
        raise BrokeOffError(f"{url} changed while it was fetched")

    def read() -> Generator[bytes]:
        try:
            yield from got.stream(PIECE_BYTES)
        except ERRORS as error:
            raise refuse(url, error, BrokeOffError) from error

    return read()


def refuse(url: str, error: Exception, otherwise: type[UnreachableError]) -> UnreachableError:
    """Return a store's error as a message for the user; `otherwise` is the type if the error gives no reason."""
    text = str(error)
    status = _STATUS.search(text)
    if isinstance(error, FileNotFoundError) or (status and status[1] == "404"):
        return MissingError(f"{url} cannot be read: no such bucket or object; expected a zip, a tar or photos there")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return UnreachableError(
            f"{url} cannot be read: no permission; expected a public object, or credentials in the environment that "
            "may read it"
        )
    if isinstance(error, PreconditionError):
        return BrokeOffError(f"{url} changed while it was fetched")
    if status:
        words = f"{url} answers {status[1]} {http.client.responses.get(int(status[1]), '')}".rstrip()
        return BusyError(words) if int(status[1]) in BUSY else UnreachableError(words)
    for sign, words in SIGNS:
        if sign in text:
            return otherwise(f"{url} cannot be read: {words}")
    words = hide_queries(one_line(error).partition(" Debug source:")[0])[:160] or type(error).__name__
    return otherwise(f"{url} cannot be read: {words}")
