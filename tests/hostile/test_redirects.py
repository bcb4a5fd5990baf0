"""No address but the user's is fetched, and no credential goes to a host that it is not for."""

import io
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pawprint.base import handover
from pawprint.base.errors import SecretError, UserError
from pawprint.base.secrets import find_secret, hide_secrets
from pawprint.fetch import http, retries
from pawprint.fetch.download import fetch_url
from pawprint.fetch.errors import UnreachableError
from pawprint.fetch.sessions import MOST_REDIRECTS, check_next
from pawprint.photos.sources import check_source
from tests.servers import Answer, answering, give

Serve = Callable[..., tuple[str, list[dict[str, str]]]]
SIGNED = "X-Goog-Signature=PLANTED-SIGNATURE"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv(handover.VARIABLE, "")
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as servers:

        def start(answer: Answer) -> tuple[str, list[dict[str, str]]]:
            asked: list[dict[str, str]] = []

            def note(handler: BaseHTTPRequestHandler) -> None:
                asked.append(dict(handler.headers.items()))
                answer(handler)

            return servers.enter_context(answering(note)), asked

        yield start


def redirect(to: str) -> Answer:
    return lambda handler: give(handler, status=302, Location=to)


def give_zip(handler: BaseHTTPRequestHandler) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cats/1.jpg", b"x")
    give(handler, buffer.getvalue())


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://host.test/a.zip", "s3://bucket/a.zip", "data:,PK"])
def test_a_redirect_to_another_scheme_is_refused(to: str, serve: Serve) -> None:
    scheme = to.partition(":")[0]
    url, asked = serve(redirect(f"{to}?{SIGNED}"))
    with pytest.raises(UnreachableError, match=f"redirects from http:// to {scheme}://") as caught:
        fetch_url(f"{url}/a.zip")
    assert "PLANTED" not in str(caught.value)
    assert len(asked) == 1


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(UnreachableError, match=r"redirects from https:// to http://b\.test"):
        check_next(f"https://a.test/x?{SIGNED}", "http://b.test/x")
    check_next("http://a.test/x", "https://b.test/x")


@pytest.mark.parametrize(
    "to", ["http://[::1/a", "http://u:p@[1/a", "http://host:port/", "http://a..b/", f"http://{'a' * 300}/", "http://é/"]
)
def test_a_redirect_to_what_is_no_address_is_an_error_like_another(to: str, serve: Serve) -> None:
    url, asked = serve(redirect(to))
    with pytest.raises(UnreachableError, match="cannot be reached"):
        fetch_url(f"{url}/a.zip")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (503, "Retry-After", "²"),
        (503, "Retry-After", "9" * 400),
        (200, "Repr-Digest", "sha-256=:é=:"),
        (200, "Content-MD5", "é"),
        (200, "x-goog-hash", "md5=é"),
        (200, "Content-Length", "²"),
        (200, "Content-Length", "9" * 5000),
        (206, "Content-Range", f"bytes {'9' * 5000}-2/3"),
    ],
)
def test_headers_of_nonsense_end_in_no_traceback(status: int, name: str, value: str, serve: Serve) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True

    url, _ = serve(answer)
    with pytest.raises(UnreachableError):
        fetch_url(f"{url}/a.zip", busy_seconds=0.01)


def test_a_netrc_in_an_old_encoding_is_named(serve: Serve, home: Path) -> None:
    (home / ".netrc").write_bytes("machine 127.0.0.1 login me password pässwörd\n".encode("latin-1"))
    assert hide_secrets("a message") == "a message"
    url, _ = serve(give_zip)
    with pytest.raises(UnreachableError, match="your netrc file, is no text in UTF-8"):
        fetch_url(f"{url}/a.zip")


def test_long_texts_are_looked_through_in_a_moment() -> None:
    started = time.process_time()
    for text in ("?" + "token" * 15_000, "a-" * 30_000, "token-" * 10_000):
        assert hide_secrets(text) == text
    assert time.process_time() - started < 2


def test_redirects_have_an_end(serve: Serve) -> None:
    url, asked = serve(redirect(f"/round?{SIGNED}"))
    with pytest.raises(UnreachableError, match="redirects round and round") as caught:
        fetch_url(f"{url}/a.zip")
    assert "PLANTED" not in str(caught.value)
    assert len(asked) == MOST_REDIRECTS + 1


def test_where_a_signed_redirect_fails_its_signature_is_not_told(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    for target in (f"http://127.0.0.1:9/a.zip?{SIGNED}", f"http://no-such-host.invalid/a.zip?{SIGNED}"):
        url, _ = serve(redirect(target))
        with pytest.raises(UnreachableError) as caught:
            fetch_url(f"{url}/a.zip")
        assert "PLANTED" not in str(caught.value) + caplog.text


def test_netrc_is_for_its_own_host(serve: Serve, home: Path) -> None:
    storage, asked_there = serve(give_zip)
    front, asked = serve(redirect(storage.replace("127.0.0.1", "localhost") + "/a.zip"))
    (home / ".netrc").write_text("machine 127.0.0.1 login me password PLANTED-PASSWORD\n")
    fetch_url(f"{front}/a.zip")
    assert asked[0]["Authorization"] == f"Basic {b64encode(b'me:PLANTED-PASSWORD').decode()}"
    assert "Authorization" not in asked_there[0]


def test_drives_page_leads_only_to_google(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    other, asked = serve(give_zip)
    other = other.replace("127.0.0.1", "localhost")

    def page(handler: BaseHTTPRequestHandler) -> None:
        text = f'<html><form id="download-form" action="{other}/a.zip"></form></html>'.encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    url, _ = serve(page)
    monkeypatch.setattr(http, "DRIVE_URL", f"{url}/uc")
    with pytest.raises(UnreachableError, match="leads to localhost, which is not Google's"):
        fetch_url(f"{url}/uc?id=1")
    assert asked == []


def test_azures_key_within_its_connection_string_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=PLANTED+/abc==;EndpointSuffix=core.windows.net"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", words)
    assert hide_secrets("signed with PLANTED+/abc== by me") == "signed with … by me"


def refuse(source: str) -> str:
    """What a person is told of a source that holds a secret."""
    with pytest.raises(SecretError) as caught:
        check_source(source)
    return str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "https://me:PLANTED@host.test/a.zip",
        "https://PLANTED@host.test/a.zip",
        "s3://AKIA:PLAN/TED@bucket/a.zip",
        "abfss://pets:PLANTED@account.dfs.core.windows.net/a.zip",
        "az://PLANTED@account/a.zip",
        "synthetic,https://host.test/a.zip?X-Amz-Signature=PLANTED",
        "https://host.test/a.zip?x=1&SIG=PLANTED",
        "https://host.test/a.zip#access_token=PLANTED",
        "https://host.test/a.zip?next=https%3A%2F%2Fme%3APLANTED%40b.test%2F",
        "train=https://host.test/a.zip?token=PLANTED+test=synthetic",
        "htp://host.test/a.zip?api_key=PLANTED",
        "https://host.test/a.zip?X-Amz-Security-Token=PLANTED",
        "https://host.test/a.zip?alt=media&key=AIzaPLANTED_0123456789-0123456789",
    ],
)
def test_a_source_with_a_secret_is_refused_without_quoting_it(source: str) -> None:
    assert "PLAN" not in refuse(source)
    assert "PLANTED" not in hide_secrets(source).replace("PLAN/TED", "PLANTED")


@pytest.mark.parametrize(
    "source",
    [
        "https://host.test:8000/me@home.zip",
        "s3://bucket/me@home.zip",
        "abfss://pets@account.dfs.core.windows.net/a.zip",
        "wasbs://pets@account.blob.core.windows.net/photos/",
        "https://www.dropbox.com/s/abc/a.zip?dl=1&rlkey=x",
        "https://host.test/a.zip?id=7&export=download",
        "https://host.test/sig/token/a.zip",
        "https://host.test/a.zip?token=",
        "/data/me:you@home?token=1/photos",
        "gdrive:1AbC_dEf-0123456789",
    ],
)
def test_innocent_sources_are_not_refused_for_secrets(source: str) -> None:
    assert find_secret(source) is None
    try:
        check_source(source)
    except UserError as error:
        assert not isinstance(error, SecretError)
        assert source in str(error)


@pytest.mark.parametrize(
    "source",
    [
        "https://me:PLANTED and blanks@host.test/a.zip",
        "https:/me:PLANTED@host.test/a.zip",
        "https:me:PLANTED@host.test/a.zip",
        "https:\\\\me:PLANTED@host.test\\a.zip",
        "synthetic,https:/host.test/a.zip?sig=PLANTED",
    ],
)
def test_a_misspelt_source_with_a_secret_is_refused_as_one(source: str) -> None:
    """Not as a path that is not there: MLflow has written it down all the same."""
    assert "PLANTED" not in refuse(source)


def test_a_page_that_quotes_credentials_is_told_without_them(
    serve: Serve, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "PLANTED-KEY")
    (home / ".netrc").write_text("machine host.test login me password PLANTED-NETRC\n")
    title = "Hello PLANTED-KEY or PLANTED-NETRC, password: PLANTED-WORD, Bearer PLANTED-BEARER"

    def page(handler: BaseHTTPRequestHandler) -> None:
        text = f"<html><title>{title}</title></html>".encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(403, "PLANTED-REASON")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    for answer, words in ((page, "HTML page"), (refuse, "answers 403 Forbidden")):
        url, _ = serve(answer)
        with pytest.raises(UnreachableError, match=words) as caught:
            fetch_url(f"{url}/a.zip")
        assert "PLANTED" not in str(caught.value)
