"""Streams over HTTP: plain URLs, Kaggle's public REST downloads, Google Drive and its confirmation page."""

import json
import logging
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit

import requests

from pawprint.photos.received import UnreachableError
from pawprint.photos.sniffing import looks_like_html
from pawprint.photos.streams import Stream

LOG = logging.getLogger(__name__)

KAGGLE_URL = "https://www.kaggle.com/api/v1/datasets/download/"
DRIVE_URL = "https://drive.google.com/uc"

CONNECT_SECONDS = 10
STALL_SECONDS = 30  # without a byte, once the transfer runs
PIECE_BYTES = 32 * 2**10  # small enough for the first piece to come in time over a slow line
LARGEST_PAGE = 2**20


def open_web(url: str) -> Stream:
    """Start a transfer over HTTP, following redirects.

    Kaggle gets the user's credentials where they are set (requests drops them on the way to another host,
    which would refuse them). Where Drive answers with the page that says it scanned for no viruses, the form
    on it is sent, as a browser's "Download anyway" does.

    Raises:
        UnreachableError: No connection, an error status, or a web page instead of a file.
    """
    session = requests.Session()
    # Compressing a zip again gains nothing, and hides how many bytes are to come.
    session.headers["Accept-Encoding"] = "identity"
    stream = _get(session, url)
    if looks_like_html(stream.head) and url.startswith(DRIVE_URL):
        page = _read_page(stream)
        confirmed = confirmation_url(page, url)
        if confirmed is None:
            raise UnreachableError(
                f"{url} gives no file but a page titled {page_title(page)!r}; share the file with anyone "
                "who has the link, or try again later if its quota is used up"
            )
        stream = _get(session, confirmed)
    if looks_like_html(stream.head):
        title = page_title(_read_page(stream))
        raise UnreachableError(f"{url} gives an HTML page ({title!r}) instead of a zip or tar; check the address")
    return stream


def kaggle_credentials() -> tuple[str, str] | None:
    """Return the user's Kaggle name and key, from the environment or `kaggle.json`, or None: none are needed.

    The places are those of Kaggle's own client: KAGGLE_USERNAME and KAGGLE_KEY, else `kaggle.json` in
    KAGGLE_CONFIG_DIR or `~/.kaggle`.
    """
    name, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if name and key:
        return name, key
    path = Path(os.environ.get("KAGGLE_CONFIG_DIR") or "~/.kaggle").expanduser() / "kaggle.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["username"]), str(content["key"])
    except (OSError, ValueError, KeyError, TypeError):
        LOG.warning("photos: %s holds no username and key; asking Kaggle without", path)
        return None


def confirmation_url(page: str, url: str) -> str | None:
    """Return where the form on Drive's confirmation page leads, or None where the page has no such form.

    >>> form = '<form id="download-form" action="/d"><input type="hidden" name="id" value="a&amp;b"></form>'
    >>> confirmation_url(form, "https://drive.test/uc")
    'https://drive.test/d?id=a%26b'
    """
    parser = _PageParser()
    parser.feed(page)
    if parser.action is None:
        return None
    address = urljoin(url, parser.action)
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parser.fields)}"


def page_title(page: str) -> str:
    """Return the title of a web page, or "untitled"."""
    parser = _PageParser()
    parser.feed(page)
    return " ".join(parser.title.split())[:80] or "untitled"


class _PageParser(HTMLParser):
    """Takes the title and the fields of the form `download-form` from a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "title" or (tag == "form" and values.get("id") == "download-form"):
            self._inside = tag
        if tag == "form" and self._inside == "form":
            self.action = values.get("action", "")
        if tag == "input" and self._inside == "form" and values.get("name"):
            self.fields.append((values["name"], values.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data


def _get(session: requests.Session, url: str) -> Stream:
    auth = kaggle_credentials() if url.startswith(KAGGLE_URL) else None
    try:
        response = session.get(url, auth=auth, stream=True, timeout=(CONNECT_SECONDS, STALL_SECONDS))
        if not response.ok:
            response.close()
            raise UnreachableError(_words_for_status(url, response.status_code, response.reason))
        pieces = response.iter_content(PIECE_BYTES)
        head = next(pieces, b"")
    except requests.RequestException as error:
        raise UnreachableError(f"{url} cannot be reached: {_words_for(error)}") from error
    length = response.headers.get("Content-Length", "")
    encoded = "Content-Encoding" in response.headers
    num_bytes = int(length) if length.isdigit() and not encoded else None

    def rest() -> Iterator[bytes]:
        try:
            yield from pieces
        except requests.RequestException as error:
            raise UnreachableError(f"{url} broke off: {_words_for(error)}") from error

    def close() -> None:
        response.close()
        session.close()

    # A weak ETag promises like bytes only to the eye: enough for pages, not for photos.
    tag = response.headers.get("ETag", "")
    mark = response.headers.get("Last-Modified") if tag.startswith("W/") or not tag else tag
    version = f"{mark} {num_bytes}" if mark and num_bytes is not None else None
    return Stream(head, rest(), num_bytes, close, version)


def _read_page(stream: Stream) -> str:
    page = stream.head
    for piece in stream.rest:
        page += piece
        if len(page) > LARGEST_PAGE:
            break
    stream.close()
    return page.decode("utf-8", "replace")


def _words_for_status(url: str, status: int, reason: str) -> str:
    words = f"{url} answers {status} {reason}"
    if not url.startswith(KAGGLE_URL):
        return words
    if status == requests.codes.not_found:
        return f"{words}: Kaggle has no public dataset of that name"
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        return f"{words}: the dataset is private or needs an account; set KAGGLE_USERNAME and KAGGLE_KEY"
    return words


def _words_for(error: requests.RequestException) -> str:
    text = str(error)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off"
    for sign, words in (
        ("NameResolutionError", "its name cannot be resolved (no network, or a misspelt host)"),
        ("Connection refused", "connection refused"),
        ("Network is unreachable", "no network"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate cannot be verified"),
        ("ProxyError", "the proxy does not let it through"),
    ):
        if sign in text:
            return words
    if isinstance(error, requests.Timeout) or "timed out" in text:
        return "no answer in time"
    return f"{type(error).__name__} ({text[:120]})"
