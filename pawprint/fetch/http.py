"""Download streams over HTTP: plain URLs, Kaggle's public REST downloads, Google Drive with its confirmation page."""

import http.client
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3

from pawprint.archives.sniffing import looks_like_html
from pawprint.base.secrets import hide_queries
from pawprint.fetch import kaggle
from pawprint.fetch.errors import BrokeOffError, BusyError, SilentError, UnreachableError
from pawprint.fetch.headers import read_digest, read_length, read_mark, read_pause, read_range, read_strong_mark
from pawprint.fetch.pages import confirmation_url, page_title
from pawprint.fetch.sessions import CarefulSession, check_next
from pawprint.fetch.streams import Resume, Stream

DRIVE_URL = "https://drive.google.com/uc"
DRIVE_HOSTS = (".google.com", ".googleusercontent.com")

CONNECT_SECONDS = 10  # longest wait for a connection
STALL_SECONDS = 30  # longest time without a byte during a transfer
PIECE_BYTES = 64 * 2**10
HEAD_BYTES = 512  # enough to distinguish a page from an archive, and quick over a slow line
LARGEST_PAGE = 2**20  # bytes of a web page that are read
_LONGEST_TEXT = 4000  # characters of an error message that are searched: it may quote a header of 64 KB
BUSY = {408, 425, 429, 500, 502, 503, 504}
RANGE_NOT_SATISFIABLE = 416
INDEX = re.compile(r"(?i)(?:index of|directory listing)\b")
"""Titles of the folder listings that nginx, Apache, Caddy and Python's http.server generate."""


def open_web(url: str, resume: Resume | None = None) -> Stream:
    """Start a download over HTTP, following redirects.

    Kaggle receives the user's credentials if they are set; requests drops them when a redirect leads to another host,
    which would refuse them. When Drive answers with its page about skipped virus scans, the form on that page is sent,
    as "Download anyway" in a browser does.

    Args:
        url: An http or https address.
        resume: Where to continue. If the server cannot do that, or its file has changed, the stream starts at the first
            byte of the whole file.

    Raises:
        SilentError: No connection.
        BusyError: Status 429, or a server error.
        BrokeOffError: The server closed the connection before the first byte.
        UnreachableError: Another error status, or a web page instead of a file.
    """
    session = CarefulSession()
    try:
        return _open_file(session, url, resume)
    except UnreachableError:
        session.close()
        raise


def _open_file(session: requests.Session, url: str, resume: Resume | None) -> Stream:
    stream = _get(session, url, url, resume)
    if looks_like_html(stream.head) and url.startswith(DRIVE_URL):
        page = _read_page(stream)
        confirmed = confirmation_url(page, url)
        if confirmed is None:
            raise UnreachableError(
                f"{url} gives no file but a page titled {page_title(page)!r}; share the file with anyone "
                "who has the link, or try again later if its quota is used up"
            )
        _check_confirmed(url, confirmed)
        stream = _get(session, confirmed, url, resume)
    if looks_like_html(stream.head):
        title = page_title(_read_page(stream))
        if INDEX.match(title):
            raise UnreachableError(
                f"{url} gives the list of a web folder ({title!r}), and loose photos are not fetched from one; fetch "
                f"them with `wget -r -np {url}` and name the folder, or name a zip or tar within it"
            )
        raise UnreachableError(f"{url} gives an HTML page ({title!r}) instead of a zip or tar; check the address")
    return stream


def _get(session: requests.Session, url: str, name: str, resume: Resume | None) -> Stream:
    """Request a file, or the rest of it; `name` is the address shown to the user."""
    credentials = kaggle.find_credentials() if url.startswith(kaggle.API_URL) else None
    auth = credentials.auth if credentials else None
    headers = {"Range": f"bytes={resume.start}-", "If-Range": resume.mark} if resume else {}
    try:
        response = session.get(url, auth=auth, headers=headers, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS))
    except (requests.RequestException, ValueError) as error:  # ValueError: the address is invalid
        raise _kind_of(error)(f"{name} cannot be reached: {_words_for(error)}") from error
    if resume and not _goes_on(response, resume):
        # Python accepts headers that were cut off as complete; then no body follows.
        if response.status_code == http.client.PARTIAL_CONTENT and not next(_read_pieces(response, name), b""):
            raise BrokeOffError(f"{name} broke off before the first byte")
        response.close()
        return _get(session, url, name, None)
    if not response.ok:
        response.close()
        words = _words_for_status(name, response.status_code)
        if response.status_code in BUSY:
            pause = read_pause(response.headers)
            asked = "" if pause is None else f" and asks to be left alone for {pause:.0f} s"
            raise BusyError(words + asked, pause)
        raise UnreachableError(words)
    return _build_stream(session, response, name, resume)


def _kind_of(error: Exception) -> type[UnreachableError]:
    if isinstance(error, requests.TooManyRedirects | ValueError):
        return UnreachableError
    # The server was there and hung up: another try costs little.
    return BrokeOffError if "Connection aborted" in str(error) else SilentError


def _has_known_end(response: requests.Response) -> bool:
    return read_length(response.headers) is not None or "Transfer-Encoding" in response.headers


def _goes_on(response: requests.Response, resume: Resume) -> bool:
    """Return whether an answer can be used: the requested rest, the whole file, or an error status to report."""
    if response.status_code == RANGE_NOT_SATISFIABLE:
        return False
    if response.status_code != http.client.PARTIAL_CONTENT:
        return True
    found = read_range(response.headers)
    if found is None or found[0] != resume.start or "Content-Encoding" in response.headers:
        return False
    # Some servers ignore If-Range and send the rest of whatever file they have now.
    return read_mark(response.headers) in {None, resume.mark} and found[1] in {None, resume.num_bytes}


def _build_stream(session: requests.Session, response: requests.Response, name: str, resume: Resume | None) -> Stream:
    pieces = _read_pieces(response, name)
    head, late = b"", None
    try:
        while len(head) < HEAD_BYTES and (piece := next(pieces, b"")):
            head += piece
    except BrokeOffError as error:
        if not head:
            raise
        late = error
    if not head and not _has_known_end(response):
        raise BrokeOffError(f"{name} broke off before the first byte")

    def rest() -> Iterator[bytes]:
        if late is not None:
            raise late
        yield from pieces

    def close() -> None:
        response.close()
        session.close()

    part = response.status_code == http.client.PARTIAL_CONTENT
    encoded = "Content-Encoding" in response.headers
    if part and resume:
        num_bytes, start = resume.num_bytes, resume.start
        shown: str | None = resume.mark
        mark = shown
    else:
        num_bytes, start = None if encoded else read_length(response.headers), 0
        shown = read_mark(response.headers)
        mark = None if encoded else read_strong_mark(response.headers)
    return Stream(
        head,
        rest(),
        num_bytes,
        close,
        version=f"{shown} {num_bytes}" if shown and num_bytes is not None else None,
        mark=mark,
        start=start,
        digest=None if encoded else read_digest(response.headers, whole=not part),
    )


def _read_pieces(response: requests.Response, name: str) -> Iterator[bytes]:
    """Yield bytes as they arrive: waiting for full pieces would hide a stalling connection."""
    try:
        while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
            yield piece
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:  # ValueError: closed meanwhile
        raise BrokeOffError(f"{name} broke off: {_words_for(error)}") from error


def _read_page(stream: Stream) -> str:
    page = stream.head
    for piece in stream.rest:
        page += piece
        if len(page) > LARGEST_PAGE:
            break
    stream.close()
    return page.decode("utf-8", "replace")


def _check_confirmed(url: str, confirmed: str) -> None:
    """Check that the form on Drive's page leads to Drive."""
    check_next(url, confirmed)
    host = urlsplit(confirmed).hostname or ""
    if host != urlsplit(url).hostname and not host.endswith(DRIVE_HOSTS):
        raise UnreachableError(f"{url} gives a page that leads to {host}, which is not Google's; check the address")


def _words_for_status(url: str, status: int) -> str:
    # Not the server's own words, which may contain anything.
    words = f"{url} answers {status} {http.client.responses.get(status, '')}".rstrip()
    explanation = kaggle.explain_status(url, status)
    return f"{words}: {explanation}" if explanation else words


def _words_for(error: Exception) -> str:
    text = str(error)[:_LONGEST_TEXT]
    if isinstance(error, UnicodeDecodeError):
        return "where it redirects to, or your netrc file, is no text in UTF-8"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the transfer was cut"
    if isinstance(error, requests.TooManyRedirects):
        return "it redirects round and round"
    for sign, words in (
        ("NameResolutionError", "its name cannot be resolved (no network, or a misspelt host)"),
        ("Connection refused", "connection refused"),
        ("Connection aborted", "the server hung up without an answer"),
        ("Network is unreachable", "no network"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate cannot be verified"),
        ("ProxyError", "the proxy does not let it through"),
    ):
        if sign in text:
            return words
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return "no answer in time"
    return f"{type(error).__name__} ({hide_queries(text)[:120]})"
