"""Keep secrets out of everything that is stored: find them in a source, hide them in quoted messages."""

import netrc
import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

# The part of an address before the host. A password may contain a slash, but `host:8000/me@home.zip` has no password.
# Azure writes a container name there.
_AZURE = "".join(rf"(?<!{scheme}://)" for scheme in ("abfss", "abfs", "wasbs", "wasb"))
_USERINFO = re.compile(rf"(?<=://)(?:(?![^\s/:@]+:\d+(?:/|$))[^\s/@:]*:[^\s@]*|{_AZURE}[^\s/?#,@]+)@")
# A misspelt source is stored too: with missing or reversed slashes, or blanks in a password.
_SCHEME = r"(?:https?|ftp|s3|gs|gcs|az):"
_ADDRESS = re.compile(rf"://|\b{_SCHEME}[/\\]", re.IGNORECASE)
_MISSPELT_USERINFO = re.compile(rf"\b{_SCHEME}[/\\]*[^/\\@:,]*:(?!\d+(?:/|$))[^/\\@,]*@", re.IGNORECASE)
_QUOTED_USERINFO = re.compile(r"(?<=%3A%2F%2F)[^\s%/]*(?:%3A)?[^\s/]*?%40", re.IGNORECASE)
_REVEALING = (
    r"[^=&;?#\s]*(?:signature|token|secret|passw|pwd|credential|api[_-]?key|access[_-]?key|authorization)[^=&;?#\s]*"
    r"|sig|pass|auth|jwt|key-pair-id|key(?==[\w-]{20})"  # Google's keys; `key=photos.zip` names a file
)
# The lookahead keeps this fast: without it, a long text without `=` is searched again for every word in it.
_PARAMETER = re.compile(rf"([?&;#](?=[^=&;?#\s]*+=)(?:{_REVEALING}))=([^&;#\s'\"<>)]*)", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s'\"<>)]*=[^\s'\"<>)]*")
_WORDS = re.compile(
    r"((?<![\w-])[\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key)\s*[=:]\s*"
    r"|\b(?:bearer|basic)\s+(?=[\w.~+/=-]{8}))"
    r"([^\s'\"<>,;]+)",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\b(?:KGAT_\w{8,}|hf_[A-Za-z0-9]{30,})")
"""Access tokens of Kaggle and of the Hugging Face Hub, which no ordinary word looks like."""
_SECRET_VARIABLE = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|PASSWD)$")
_AZURE_KEYS = re.compile(r"(?:AccountKey|SharedAccessSignature)=([^;]+)")
_SHORTEST_SECRET = 6  # characters; a shorter value would also be found inside ordinary words


def find_secret(source: str) -> str | None:
    """Return what kind of secret a source contains, or None.

    >>> find_secret("https://host.test/a.zip?X-Amz-Expires=60&X-Amz-Signature=ab12")
    'the parameter X-Amz-Signature'
    >>> find_secret("s3://me:pa55word@bucket/a.zip,synthetic")
    'a name or password before the host'
    >>> find_secret("https://host.test:8000/me@home.zip?id=7") is None
    True
    >>> find_secret("abfss://pets@me.dfs.core.windows.net/a.zip") is None
    True
    """
    for text in (source, unquote(source)):
        if _USERINFO.search(text) or _MISSPELT_USERINFO.search(text):
            return "a name or password before the host"
        if _TOKEN.search(text):
            return "an access token"
        address = _ADDRESS.search(text)
        if address is None:
            continue
        # A folder may be called `?token=1`; only an address has parameters.
        for found in _PARAMETER.finditer(text, address.start()):
            if found[2]:
                return f"the parameter {found[1][1:]}"
    return None


def hide_secrets(text: str) -> str:
    """Return a text without anything that looks like a secret, and without the credentials known to this process.

    >>> hide_secrets("https://me:pa55word@host.test/a.zip?id=7&sig=ab%2F12 says password: hunter2")
    'https://…@host.test/a.zip?id=7&sig=… says password: …'
    """
    text = _QUOTED_USERINFO.sub("…%40", _USERINFO.sub("…@", text))
    text = _PARAMETER.sub(r"\1=…", text)
    text = _TOKEN.sub("…", _WORDS.sub(r"\1…", text))
    for value in _own_secrets():
        text = text.replace(value, "…")
    return text


def drop_userinfo(address: str) -> str:
    """Return a web address without user name and password; `ssh://git@…` stays as it is because git needs the name.

    >>> drop_userinfo("https://token:pa55word@host.test/pets.git#sub"), drop_userinfo("ssh://git@host.test/pets.git")
    ('https://host.test/pets.git#sub', 'ssh://git@host.test/pets.git')
    """
    return re.sub(r"^(https?://)[^/?#]*@", r"\1", address)


def hide_queries(text: str) -> str:
    """Return a library's message without the queries of its addresses: a redirect may lead to one with a secret.

    >>> hide_queries("Max retries exceeded with url: /a.zip?X=ab12&e=7 (Caused by …)")
    'Max retries exceeded with url: /a.zip?… (Caused by …)'
    """
    return hide_secrets(_QUERY.sub("?…", text))


def _own_secrets() -> list[str]:
    found = [value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name.upper())]
    found += _AZURE_KEYS.findall(os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    # The files requests reads. A path is passed because Python reads the default file only if nobody else may read it.
    for place in [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]:
        # UnicodeDecodeError: the file is in an old encoding.
        with suppress(OSError, RuntimeError, UnicodeDecodeError, netrc.NetrcParseError):
            found += [password or "" for _, _, password in netrc.netrc(Path(place).expanduser()).hosts.values()]
    # Longest first: one secret may be part of another.
    return sorted((one for one in set(found) if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)
