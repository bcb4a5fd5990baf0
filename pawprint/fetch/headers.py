"""Read what a server says about a file in its HTTP headers."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A server may send anything: Python refuses to parse 5,000 digits, and str.isdigit accepts "²".
_NUMBER = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes\s+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


def read_mark(headers: Mapping[str, str]) -> str | None:
    """Return a value that differs when the file has changed: the ETag, else the date; None if the server sends neither.

    A weak ETag promises the same meaning, not the same bytes: enough for pages, not for photos.
    """
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified") if tag.startswith("W/") or not tag else tag


def read_strong_mark(headers: Mapping[str, str]) -> str | None:
    """Return the mark if it is strong enough to request the rest of a file by it (`If-Range`), else None.

    A date counts only if it is older than the answer: within the same second the file may change (RFC 9110, 8.8.2.2).

    >>> read_strong_mark({"Last-Modified": "Mon, 07 Oct 2019 10:00:00 GMT", "Date": "Mon, 07 Oct 2019 10:00:05 GMT"})
    'Mon, 07 Oct 2019 10:00:00 GMT'
    >>> read_strong_mark({"ETag": 'W/"1"'}) is None
    True
    """
    mark = read_mark(headers)
    if mark is None or mark.startswith('"'):
        return mark
    changed, answered = _read_date(mark), _read_date(headers.get("Date", ""))
    return mark if changed and answered and (answered - changed).total_seconds() >= 1 else None


def read_range(headers: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Return the first byte of a part and the length of the whole (None if not given), or None without a valid range.

    >>> read_range({"Content-Range": "bytes 100-199/5000"}), read_range({"Content-Range": "lines 1-2/3"})
    ((100, 5000), None)
    """
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    return (int(found[1]), None if found[3] == "*" else int(found[3])) if found else None


def read_length(headers: Mapping[str, str]) -> int | None:
    """Return the number of bytes in the answer (`Content-Length`), or None if not given.

    >>> read_length({"Content-Length": "120"}), read_length({"Content-Length": "²"})
    (120, None)
    """
    return int(length) if _NUMBER.fullmatch(length := headers.get("Content-Length", "")) else None


def read_pause(headers: Mapping[str, str]) -> float | None:
    """Return the number of seconds the server asks to wait (`Retry-After`), or None.

    >>> read_pause({"Retry-After": "120"})
    120.0
    """
    text = headers.get("Retry-After", "").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    moment = _read_date(text)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment else None


def read_digest(headers: Mapping[str, str], *, whole: bool) -> tuple[str, str] | None:
    """Return the algorithm and the hexadecimal digest that the server gives for the whole file, or None.

    Args:
        headers: The headers of the answer.
        whole: False if the answer holds only a part of the file, which Content-MD5 then describes.

    >>> read_digest({"x-goog-hash": "crc32c=n03x6A==, md5=Ojk9c3dhfxgoKVVHYwFbHQ=="}, whole=False)
    ('md5', '3a393d7377617f182829554763015b1d')
    """
    found = re.search(r"\bsha-256=:([\w+/=]+):", headers.get("Repr-Digest", ""))
    if found:
        return _to_hexadecimal("sha256", found[1])
    found = re.search(r"\bmd5=([\w+/]+=*)", headers.get("x-goog-hash", ""))
    # Google gives the digest of the stored bytes, which it may unpack before sending.
    if found and headers.get("x-goog-stored-content-encoding", "identity") == "identity":
        return _to_hexadecimal("md5", found[1])
    if whole and "Content-MD5" in headers:
        return _to_hexadecimal("md5", headers["Content-MD5"])
    return None


def _to_hexadecimal(algorithm: str, text: str) -> tuple[str, str] | None:
    try:
        return algorithm, base64.b64decode(text.strip(), validate=True).hex()
    except ValueError:  # invalid base64, or letters that are not ASCII
        return None


def _read_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
