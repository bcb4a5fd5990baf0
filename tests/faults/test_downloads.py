"""Downloads over a bad line, from servers that do less or other than they should: resumed, restarted, or refused."""

import base64
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pawprint.errors import UserError
from pawprint.photos import partials, tries, unreached, web
from pawprint.photos.identity import identify_source
from pawprint.photos.received import UnreachableError
from pawprint.photos.sources import fetch_photos
from pawprint.photos.transfer import fetch_url, read_version

ROOT = Path(__file__).parents[2]


def make_zip(seed: int, members: int = 8, size: int = 2500) -> bytes:
    """Return a zip of random bytes: all that a download looks at is whether it is whole."""
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(members):
            member = zipfile.ZipInfo(f"{('cats', 'dogs')[number % 2]}/{number}.jpg", (1980, 1, 1, 0, 0, 0))
            archive.writestr(member, rng.bytes(size))
    return buffer.getvalue()


DATA, OTHER = make_zip(0), make_zip(1)
EXAMPLES = int(os.environ.get("PAWPRINT_TEST_CUTS", "40"))


@dataclass
class Sender:
    """A server of one file, and what it does wrong.

    Attributes:
        data: the file.
        etag: its mark; None for none.
        ranges: whether it can give a part.
        heeds_if_range: whether it looks at If-Range.
        refusals: what the next answers are instead: status and headers.
        cuts: after how many bytes, headers included, it hangs up on each of the next answers.
        headers: more headers, which outvote its own.
        drip_seconds: between single bytes of the last 1000.
        hang_after: bytes after which it sends no more, and keeps the line open.
        between: called after each answer.
        asked: the headers of each request.
        sent: bytes of the file sent, over all answers.
    """

    data: bytes = DATA
    etag: str | None = '"1"'
    ranges: bool = True
    heeds_if_range: bool = True
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    headers: dict[str, str | None] = field(default_factory=dict)
    drip_seconds: list[float] = field(default_factory=list)
    hang_after: list[int] = field(default_factory=list)
    between: Callable[[], None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        self.asked.append(dict(handler.headers.items()))
        if self.refusals:
            status, headers = self.refusals.pop(0)
            handler.wfile.write(self._head(status, {"Content-Length": "0", **headers}))
            return
        start = self._find_start()
        headers = {"Content-Length": str(len(self.data) - start), "Date": "Mon, 07 Oct 2030 10:00:00 GMT"}
        if self.etag:
            headers["ETag"] = self.etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        head = self._head(206 if start else 200, {**headers, **self.headers})
        whole = head + self.data[start:]
        cut = self.cuts.pop(0) if self.cuts else len(whole)
        self._send(handler, whole[:cut], len(head))
        self.between()

    def _find_start(self) -> int:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.asked[-1].get("Range", ""))
        same = self.asked[-1].get("If-Range") == self.etag or not self.heeds_if_range
        return int(wanted[1]) if wanted and self.ranges and same else 0

    def _head(self, status: int, headers: dict[str, str | None]) -> bytes:
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([f"HTTP/1.1 {status} OK", *lines, "Connection: close", "", ""]).encode()

    def _send(self, handler: BaseHTTPRequestHandler, whole: bytes, skip: int) -> None:
        drip = self.drip_seconds.pop(0) if self.drip_seconds else 0.0
        hang = skip + self.hang_after.pop(0) if self.hang_after else None
        at_once = whole[: -1000 if drip else hang]
        handler.wfile.write(at_once)
        self.sent += max(0, len(at_once) - skip)
        if hang is not None:
            self.done.wait(30)
        try:
            for byte in whole[len(at_once) :] if drip else b"":
                time.sleep(drip)
                handler.wfile.write(bytes([byte]))
                self.sent += 1
        except OSError:  # the other side has had enough
            pass


@contextmanager
def sending(sender: Sender) -> Iterator[Sender]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sender.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    sender.url = f"http://127.0.0.1:{server.server_port}/pets.zip"
    try:
        yield sender
    finally:
        sender.done.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def send() -> Iterator[Callable[[Sender], Sender]]:
    opened = []

    def start(sender: Sender) -> Sender:
        opened.append(sending(sender))
        return opened[-1].__enter__()

    yield start
    for one in opened:
        one.__exit__(None, None, None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("PAWPRINT_CACHE", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv(unreached.VARIABLE, "")
    monkeypatch.setattr(tries, "PAUSE_SECONDS", 0.001)
    return folder


def kept(cache: Path) -> list[str]:
    """What is in the cache, by suffix; a whole file has none."""
    return sorted("".join(path.suffixes) for path in (cache / "downloads").iterdir() if path.suffix != ".lock")


WHOLE = ["", ".json"]
RESUMABLE = [".partial", ".partial.json"]


CUTS = st.lists(st.integers(0, len(DATA) + 250), max_size=tries.FRUITLESS_TRIES - 1)


def test_cut_at_any_byte_it_goes_on_where_it_was() -> None:
    """In the status line, the headers, the first bytes, the overlap, the last byte: wherever it falls."""
    with sending(Sender()) as sender:

        @settings(max_examples=EXAMPLES)
        @given(cuts=CUTS)
        @example(cuts=[2158, 34])
        @example(cuts=[32])
        def check(cuts: list[int]) -> None:
            sender.cuts, sender.sent = list(cuts), 0
            with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"PAWPRINT_CACHE": folder}):
                assert fetch_url(sender.url).path.read_bytes() == DATA
                assert kept(Path(folder)) == WHOLE
            assert sender.sent <= len(DATA) + len(cuts) * partials.OVERLAP_BYTES

        check()


def test_a_server_that_gives_no_parts_is_asked_for_the_whole_again() -> None:
    with sending(Sender(ranges=False)) as sender:

        @settings(max_examples=EXAMPLES)
        @given(cuts=CUTS, etag=st.booleans())
        def check(cuts: list[int], etag: bool) -> None:
            sender.cuts, sender.etag = list(cuts), '"1"' if etag else None
            with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"PAWPRINT_CACHE": folder}):
                assert fetch_url(sender.url).path.read_bytes() == DATA
                assert kept(Path(folder)) == WHOLE

        check()


def test_one_without_a_length_that_is_cut_is_fetched_again(send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(cuts=[9000], headers={"Content-Length": None}, etag=None))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert len(sender.asked) == 2


def test_a_date_does_for_a_mark_if_it_is_older_than_the_answer(send: Callable[[Sender], Sender]) -> None:
    date = "Mon, 07 Oct 2019 10:00:00 GMT"
    sender = send(Sender(cuts=[9000], etag=None, heeds_if_range=False, headers={"Last-Modified": date}))
    fetch_url(sender.url)
    assert sender.asked[1]["If-Range"] == date
    fresh = send(Sender(cuts=[9000], etag=None, headers={"Last-Modified": "Mon, 07 Oct 2030 10:00:00 GMT"}))
    fetch_url(fresh.url)
    assert "Range" not in fresh.asked[1]


def test_it_ends_where_nothing_comes_any_more(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000, *[0] * 20]))
    with pytest.raises(UnreachableError, match="hung up without an answer"):
        fetch_url(sender.url)
    assert len(sender.asked) == tries.FRUITLESS_TRIES
    # What came is not lost: the next run goes on with it.
    assert kept(cache) == RESUMABLE
    sender.cuts.clear()
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert sender.sent <= len(DATA) + partials.OVERLAP_BYTES


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 0-99/100"},
        {"Content-Range": f"bytes 5-{len(DATA) - 1}/{len(DATA)}"},
        {"Content-Range": "pages 1-2/3"},
        {"Content-Range": None},
        {"Content-Range": "bytes 7000-9000/9001"},
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_taken(
    headers: dict[str, str | None], send: Callable[[Sender], Sender]
) -> None:
    sender = send(Sender(cuts=[9000]))

    def garble() -> None:
        sender.headers = headers

    sender.between = garble
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" in sender.asked[1]
    assert "Range" not in sender.asked[2]


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


@pytest.mark.parametrize("way", ["heeded", "told", "same mark", "same mark and same bytes at the joint"])
def test_a_file_that_changes_between_two_tries(way: str, send: Callable[[Sender], Sender], cache: Path) -> None:
    """The last two are servers that lie; what is cached is one file or the other, never a piece of each."""
    sender = send(Sender(cuts=[9000], heeds_if_range=way == "heeded"))

    def change() -> None:
        sender.data = OTHER
        if way in {"heeded", "told"}:
            sender.etag = '"2"'
        elif len(sender.asked) == 1 and way.endswith("joint"):
            (part,) = (cache / "downloads").glob("*.partial")
            at = part.stat().st_size
            sender.data = OTHER[: at - 2000] + DATA[at - 2000 : at] + OTHER[at:]

    sender.between = change
    got = fetch_url(sender.url).path.read_bytes()
    assert got == sender.data
    assert got != DATA


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
    with pytest.raises(UnreachableError, match="gives other bytes than its server tells the"):
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


PAGE = b"<!DOCTYPE html><html><head><title>Log in to the hotel</title></head></html>"


def test_a_page_instead_of_the_file_is_never_cached(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(data=PAGE))
    with pytest.raises(UnreachableError, match="HTML page"):
        fetch_url(sender.url)
    assert kept(cache) == []


def test_a_page_instead_of_the_rest_does_no_harm_to_what_came(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000]))

    def log_out() -> None:
        sender.data, sender.etag = PAGE, None

    sender.between = log_out
    with pytest.raises(UnreachableError, match="HTML page"):
        fetch_url(sender.url)
    assert kept(cache) == RESUMABLE
    sender.data, sender.etag, sender.between = DATA, '"1"', lambda: None
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" in sender.asked[-1]


def test_a_line_that_drips_is_given_up_and_gone_on_with(
    send: Callable[[Sender], Sender], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "STALL_SECONDS", 0.3)
    sender = send(Sender(drip_seconds=[0.01]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "stalled" in caplog.text
    assert len(sender.asked) == 2


def test_a_line_that_falls_silent_is_given_up_and_gone_on_with(
    send: Callable[[Sender], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "STALL_SECONDS", 0.3)
    sender = send(Sender(hang_after=[9000]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert sender.sent <= len(DATA) + partials.OVERLAP_BYTES


FETCH = "import sys; from pawprint.photos.transfer import fetch_url; print(fetch_url(sys.argv[1]).path)"


def start_fetching(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, url], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_process_is_gone_on_with_by_the_next(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(hang_after=[15000]))
    process = start_fetching(sender.url)
    for _ in range(1000):
        if sum(path.stat().st_size for path in (cache / "downloads").glob("*.partial")) == 15000:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert kept(cache) == RESUMABLE
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert kept(cache) == WHOLE
    assert sender.sent == len(DATA) + partials.OVERLAP_BYTES


def test_two_processes_at_once_fetch_it_once(send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(drip_seconds=[0.001]))
    processes = [start_fetching(sender.url) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len({path for path, _ in said}) == 1
    assert Path(said[0][0].strip()).read_bytes() == DATA
    # The second may have come so late that it found the file and asked for its version only.
    assert sender.sent <= len(DATA) + 70_000


def test_a_silent_source_is_waited_for_once_by_main_and_download(
    send: Callable[[Sender], Sender], tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawprint.photos.identity.WAIT_SECONDS", 0.2)
    sender = send(Sender())
    sender.answer = lambda _: sender.asked.append({}) or sender.done.wait(30)  # type: ignore[method-assign,assignment,func-returns-value]
    source = f"{sender.url},{tiny_photos()}"
    assert identify_source(source, resolve_uri=Path)
    manifest = fetch_photos(source, tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    assert "no answer within" in manifest.fallback[0]["reason"]
    assert len(sender.asked) == 1
    # A minute later it would be asked again.
    monkeypatch.setattr(unreached, "LASTS_SECONDS", 0)
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


def test_parts_that_nobody_went_on_with_are_dropped(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender())
    (cache / "downloads").mkdir(parents=True)
    old, young = cache / "downloads" / "a.partial", cache / "downloads" / "b.partial"
    for path in (old, young):
        path.write_bytes(b"PK")
    os.utime(old, (0, 0))
    fetch_url(sender.url)
    assert young.exists()
    assert not old.exists()


def test_a_damaged_note_begins_anew(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000, *[0] * 4]))
    with pytest.raises(UnreachableError):
        fetch_url(sender.url)
    (note,) = (cache / "downloads").glob("*.partial.json")
    note.write_text(json.dumps([1]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" not in sender.asked[-1]
