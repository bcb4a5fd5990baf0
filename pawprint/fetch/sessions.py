"""HTTP sessions that follow only safe redirects: from http to http(s), and few of them."""

from urllib.parse import urljoin, urlsplit

import requests

from pawprint.base.secrets import hide_queries
from pawprint.fetch.errors import UnreachableError

MOST_REDIRECTS = 10  # in a row


class CarefulSession(requests.Session):
    """A session that follows a redirect only if that is safe.

    requests itself drops credentials, from netrc or given, when a redirect leads to another host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = MOST_REDIRECTS
        # Compressing a zip again saves nothing, and hides the number of bytes to come.
        self.headers["Accept-Encoding"] = "identity"

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the address an answer redirects to, or None.

        Raises:
            UnreachableError: The redirect leads to another scheme, or from https to http.
            ValueError: The redirect leads to an invalid address.
        """
        try:
            target = super().get_redirect_target(resp)
            if target is not None:
                check_next(str(resp.url), urljoin(str(resp.url), target))
        except (UnreachableError, ValueError):
            resp.close()
            raise
        return target


def check_next(url: str, following: str) -> None:
    """Check that one address may redirect to another.

    Raises:
        UnreachableError: The redirect leads to a scheme other than http and https, or from https to http.
        ValueError: The new address is invalid.
    """
    before, after = urlsplit(url), urlsplit(following)
    _ = after.port  # urlsplit checks the port only when it is read
    if after.scheme not in {"http", "https"} or (before.scheme == "https" and after.scheme == "http"):
        raise UnreachableError(
            f"{hide_queries(url)} redirects from {before.scheme}:// to {after.scheme}://{after.hostname or ''}, which "
            "is not followed; expected https:// (or http:// from http://)"
        )
