"""Read web pages that arrive instead of a file: their title, and Google Drive's form that leads to the file."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit


def confirmation_url(page: str, url: str) -> str | None:
    """Return where the form on Drive's confirmation page leads, or None if the page has no such form.

    >>> form = '<form id="download-form" action="/d"><input type="hidden" name="id" value="a&amp;b"></form>'
    >>> confirmation_url(form, "https://drive.test/uc")
    'https://drive.test/d?id=a%26b'
    """
    parser = _PageParser()
    parser.feed(page)
    if parser.action is None:
        return None
    try:
        address = urljoin(url, parser.action)
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:  # a form with an invalid address is not Drive's
        return None
    return f"{address}{'&' if parts.query else '?'}{urlencode(parser.fields)}"


def page_title(page: str) -> str:
    """Return the title of a web page, or "untitled"."""
    parser = _PageParser()
    parser.feed(page)
    return " ".join(parser.title.split())[:80] or "untitled"


class _PageParser(HTMLParser):
    """Parse the title of a page, and the fields of its form `download-form`."""

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
