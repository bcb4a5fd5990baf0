"""HTTP as pawprint speaks it: redirects only from http to http(s), and few of them."""

from urllib.parse import urljoin, urlsplit

import requests

from pawprint.base.secrets import hide_queries
from pawprint.fetch.errors import UnreachableError

MOST_REDIRECTS = 10


class CarefulSession(requests.Session):
    """A session that follows a redirect only where nothing is lost by it.

    Credentials, from netrc or given, are dropped on the way to another host: requests does that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = MOST_REDIRECTS
        # Compressing a zip again gains nothing, and hides how many bytes are to come.
        self.headers["Accept-Encoding"] = "identity"

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer redirects to, or None.

        Raises:
            UnreachableError: It leads to another scheme, or from https to http.
            ValueError: What it leads to is no address.
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
    """Check that one address may lead on to another.

    Raises:
        UnreachableError: To anything but http and https, or from https to http.
        ValueError: What follows is no address.
    """
    before, after = urlsplit(url), urlsplit(following)
    _ = after.port  # looked at, and refused, only when it is asked for
    if after.scheme not in {"http", "https"} or (before.scheme == "https" and after.scheme == "http"):
        raise UnreachableError(
            f"{hide_queries(url)} redirects from {before.scheme}:// to {after.scheme}://{after.hostname or ''}, which "
            "is not followed; expected https:// (or http:// from http://)"
        )
