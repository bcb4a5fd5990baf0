"""Servers that are busy, refuse, are silent, or give something else than they say: waited for, left, never cached."""

import base64
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.fetch import partials, unreached
from pawprint.fetch.download import fetch_url, read_version
from pawprint.fetch.errors import UnreachableError
from pawprint.photos.identity import identify_source
from pawprint.photos.sources import fetch_photos
from tests.faults.senders import DATA, OTHER, PAGE, RESUMABLE, Sender, kept

pytestmark = pytest.mark.usefixtures("cache")


def test_too_many_requests_are_waited_out(send: Callable[[Sender], Sender], caplog: pytest.LogCaptureFixture) -> None:
    sender = send(Sender(refusals=[(429, {"Retry-After": "1"})]))
    started = time.monotonic()
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert time.monotonic() - started >= 1
    assert "answers 429 Too Many Requests and asks to be left alone for 1 s; trying again in 1 s" in caplog.text


@pytest.mark.parametrize("after", ["3600", "Tue, 07 Oct 2092 10:00:00 GMT"])
def test_one_that_asks_for_an_hour_is_left_alone_at_once(after: str, send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(refusals=[(503, {"Retry-After": after})]))
    with pytest.raises(UnreachableError, match="503 Service Unavailable and asks to be left alone for"):
        fetch_url(sender.url)
    assert len(sender.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_servers_own_trouble_passes(status: int, send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(refusals=[(status, {})] * 3, cuts=[9000]))
    sender.between = lambda: sender.refusals.append((status, {})) if len(sender.asked) == 4 else None
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert len(sender.asked) == 6
    assert sender.sent <= len(DATA) + partials.OVERLAP_BYTES


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(status: int, send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(refusals=[(status, {})]))
    with pytest.raises(UnreachableError, match=f"answers {status}"):
        fetch_url(sender.url)
    assert len(sender.asked) == 1


@pytest.mark.parametrize("off", [-100, 100])
def test_a_wrong_length_is_never_cached(off: int, send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(headers={"Content-Length": str(len(DATA) + off)}, ranges=False))
    with pytest.raises(UnreachableError, match=r"broke off|cut short"):
        fetch_url(sender.url)
    assert kept(cache) in ([], RESUMABLE)


@pytest.mark.parametrize("name", ["Repr-Digest", "x-goog-hash", "Content-MD5"])
def test_a_wrong_hash_is_never_cached(name: str, send: Callable[[Sender], Sender], cache: Path) -> None:
    def tell(data: bytes) -> str:
        md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return {"Repr-Digest": f"sha-256=:{sha256}:", "x-goog-hash": f"crc32c=AAAAAA==, md5={md5}"}.get(name, md5)

    sender = send(Sender(headers={name: tell(OTHER)}))
    with pytest.raises(UnreachableError, match="does not match the"):
        fetch_url(sender.url)
    assert kept(cache) == []
    sender.headers = {name: tell(DATA)}
    assert fetch_url(sender.url).path.read_bytes() == DATA


def test_a_hash_that_is_known_is_held(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000]))
    with pytest.raises(UserError, match="no longer gives the photos it gave"):
        fetch_url(sender.url, sha256="0" * 64)
    assert kept(cache) == []
    assert fetch_url(sender.url, sha256=hashlib.sha256(DATA).hexdigest()).path.read_bytes() == DATA


def test_a_page_instead_of_the_file_is_never_cached(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(data=PAGE))
    with pytest.raises(UnreachableError, match="HTML page"):
        fetch_url(sender.url)
    assert kept(cache) == []


def test_a_silent_source_is_waited_for_once_by_main_and_download(
    send: Callable[[Sender], Sender], tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawprint.photos.identity.WAIT_SECONDS", 0.2)
    sender = send(Sender(silent=True))
    source = f"{sender.url},{tiny_photos()}"
    assert identify_source(source, resolve_uri=Path)
    manifest = fetch_photos(source, tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    assert "no answer within" in manifest.fallback[0]["reason"]
    assert len(sender.asked) == 1
    # A minute later it would be asked again.
    monkeypatch.setattr(unreached, "REMEMBERED_SECONDS", 0)
    with pytest.raises(UnreachableError):
        fetch_url(sender.url, wait_seconds=0.1)
    assert len(sender.asked) == 2


def test_what_the_cache_holds_of_a_silent_source_is_what_main_expects(send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender())
    version = read_version(sender.url)
    path = fetch_url(sender.url).path
    sender.refusals = [(404, {})]
    assert read_version(sender.url) == version
    asked = len(sender.asked)
    assert fetch_url(sender.url).path == path
    assert len(sender.asked) == asked
