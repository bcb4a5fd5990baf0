"""Streams from object stores (`s3://`, `gs://`) through fsspec."""

from collections.abc import Iterator
from typing import Any

import aiohttp
import fsspec
from botocore.exceptions import BotoCoreError, NoCredentialsError  # type: ignore[import-untyped]
from gcsfs.retry import HttpError
from google.auth.exceptions import GoogleAuthError

from pawprint.errors import one_line
from pawprint.photos.received import BrokeOffError, SilentError, UnreachableError
from pawprint.photos.secrets import hide_queries
from pawprint.photos.streams import Resume, Stream

FIRST_BYTES, MOST_BYTES = 2**18, 8 * 2**20
"""Of one request, whose bytes come again if it breaks off: the first are small, each is twice the one before."""
S3_OPTIONS = {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 2}}
# What the two clients raise for a bucket that is away, closed or misspelt. OSError covers "no such file", "no
# permission" and most failed connections.
ERRORS = (OSError, BotoCoreError, HttpError, GoogleAuthError, aiohttp.ClientError)


def open_bucket(url: str, resume: Resume | None = None) -> Stream:
    """Start a transfer from an object store.

    Credentials are those of the cloud's own chain (environment, configuration files, the machine's role);
    without any, the object is asked for as a stranger, which public buckets allow. An endpoint of one's own
    is set as the clouds' libraries have it: AWS_ENDPOINT_URL, STORAGE_EMULATOR_HOST.

    Args:
        url: Of an object.
        resume: Where to go on, if the object has not changed.

    Raises:
        SilentError: No connection, or the store has a trouble of its own.
        BrokeOffError: The store is there, and the first bytes did not come.
        UnreachableError: No such object, or no permission.
    """
    try:
        try:
            file = _open(url, anonymous=False)
        except NoCredentialsError:
            file = _open(url, anonymous=True)
        details = file.details if isinstance(file.details, dict) else {}
        mark = details.get("ETag") or details.get("etag") or details.get("md5Hash")
        start = resume.start if resume and (resume.mark, resume.num_bytes) == (mark, int(file.size)) else 0
    except (FileNotFoundError, PermissionError) as error:
        raise UnreachableError(f"{url} cannot be read: {_words_for(error)}") from error
    except ERRORS as error:
        raise SilentError(f"{url} cannot be read: {_words_for(error)}") from error

    def read() -> Iterator[bytes]:
        num_bytes = FIRST_BYTES
        file.seek(start)
        try:
            while piece := file.read(num_bytes):
                yield piece
                num_bytes = min(2 * num_bytes, MOST_BYTES)
        except (FileNotFoundError, PermissionError) as error:
            raise UnreachableError(f"{url} cannot be read: {_words_for(error)}") from error
        except ERRORS as error:
            raise BrokeOffError(f"{url} broke off: {_words_for(error)}") from error

    pieces = read()
    head = next(pieces, b"")
    version = f"{mark} {file.size}" if mark else None
    return Stream(head, pieces, int(file.size), file.close, version, mark, start)


def _open(url: str, *, anonymous: bool) -> Any:
    scheme, _, path = url.partition("://")
    # Instances are not reused: fsspec keeps listings, in which a new object would not appear.
    if scheme == "s3":
        system = fsspec.filesystem("s3", anon=anonymous, config_kwargs=S3_OPTIONS, skip_instance_cache=True)
    else:
        # gcsfs goes through Google's chain and ends as a stranger by itself.
        system = fsspec.filesystem("gs", skip_instance_cache=True)
    return system.open(path, "rb", cache_type="none")


def _words_for(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such bucket or object; expected a zip or a tar there"
    if isinstance(error, PermissionError):
        return "no permission; expected a public object, or credentials in the environment that may read it"
    return hide_queries(one_line(error))[:160] or type(error).__name__
