"""Kaggle: its download addresses, the user's credentials, and the meaning of its refusals."""

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import requests
from requests.auth import AuthBase, HTTPBasicAuth

LOG = logging.getLogger(__name__)

API_URL = "https://www.kaggle.com/api/v1/"
PAGES = "https://www.kaggle.com"
SETTINGS = f"{PAGES}/settings"
COMPETITIONS = "competitions/"
HOW_TO_SIGN_IN = f"set KAGGLE_API_TOKEN to a token from {SETTINGS}"


class Credentials(NamedTuple):
    """The user's credentials for Kaggle, and where they were found."""

    auth: AuthBase
    place: str


class _BearerToken(AuthBase):
    """Send a token in the Authorization header, which requests drops when a redirect leads to another host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def kaggle_url(name: str) -> str:
    """Return the address of a dataset, or of all files of a competition, as one archive in Kaggle's REST interface.

    >>> kaggle_url("tongpython/cat-and-dog")
    'https://www.kaggle.com/api/v1/datasets/download/tongpython/cat-and-dog'
    >>> kaggle_url("competitions/dog-breed-identification")
    'https://www.kaggle.com/api/v1/competitions/data/download-all/dog-breed-identification'
    """
    if name.startswith(COMPETITIONS):
        return f"{API_URL}competitions/data/download-all/{name.removeprefix(COMPETITIONS)}"
    return f"{API_URL}datasets/download/{name}"


def find_credentials() -> Credentials | None:
    """Return the user's credentials for Kaggle, or None: public datasets need none.

    They are searched for in the same order as by Kaggle's own client: a token in KAGGLE_API_TOKEN (or in the file it
    names) or in `~/.kaggle/access_token`; else the older pair of name and key, in KAGGLE_USERNAME and KAGGLE_KEY, or in
    the `kaggle.json` of KAGGLE_CONFIG_DIR, of `~/.kaggle`, or of `~/.config/kaggle` if there is no `~/.kaggle`.
    """
    return _find_token() or _find_pair()


def explain_status(url: str, status: int) -> str | None:
    """Return what an error status of Kaggle means and what to do about it, or None if that is not known."""
    found = re.fullmatch(rf"{re.escape(API_URL)}(datasets/download|competitions/data/download-all)/(.+)", url)
    if found is None:
        return None
    competition = found[1].startswith("competitions")
    kind = "competition" if competition else "public dataset"
    page = f"{PAGES}/{'competitions' if competition else 'datasets'}/{found[2]}"
    if status == requests.codes.not_found:
        return f"Kaggle has no {kind} of that name"
    if status in {requests.codes.unauthorized, requests.codes.forbidden}:
        return _explain_refusal(page, status, competition=competition)
    return None


def _explain_refusal(page: str, status: int, *, competition: bool) -> str:
    credentials = find_credentials()
    if credentials is None:
        needs = "a competition's files need an account" if competition else "the dataset is private or needs an account"
        return f"{needs}; {HOW_TO_SIGN_IN}" + (f", and accept the rules at {page}/rules" if competition else "")
    if status == requests.codes.unauthorized:
        return f"Kaggle does not accept the credentials in {credentials.place}; {HOW_TO_SIGN_IN}"
    if competition:
        return f"the competition's rules are not accepted; open {page}/rules as the owner of {credentials.place}"
    return f"the owner of {credentials.place} may not read the dataset; open {page} and ask for access"


def _find_token() -> Credentials | None:
    given = os.environ.get("KAGGLE_API_TOKEN", "").strip()
    if given:
        return Credentials(_BearerToken(_read_text(given) or given), "KAGGLE_API_TOKEN")
    # The second name is what Windows' editor makes of the first.
    for place in ("~/.kaggle/access_token", "~/.kaggle/access_token.txt"):
        if token := _read_text(place):
            return Credentials(_BearerToken(token), place)
    return None


def _find_pair() -> Credentials | None:
    name, key = os.environ.get("KAGGLE_USERNAME"), os.environ.get("KAGGLE_KEY")
    if name and key:
        return Credentials(HTTPBasicAuth(name, key), "KAGGLE_KEY")
    place = f"{_config_folder()}/kaggle.json"
    try:
        path = Path(place).expanduser()
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(HTTPBasicAuth(str(content["username"]), str(content["key"])), place)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # RuntimeError: `~` of an unknown user
        LOG.warning("photos: %s holds no username and key; asking Kaggle without", place)
        return None


def _config_folder() -> str:
    given = os.environ.get("KAGGLE_CONFIG_DIR")
    if given or not sys.platform.startswith("linux") or Path("~/.kaggle").expanduser().exists():
        return given or "~/.kaggle"
    return f"{os.environ.get('XDG_CONFIG_HOME') or '~/.config'}/kaggle"


def _read_text(name: str) -> str | None:
    """Return the text of a file, or None if it cannot be read."""
    try:
        path = Path(name).expanduser()
        return path.read_text("utf-8").strip() if path.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None
