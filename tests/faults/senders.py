"""A server of one file, with every fault that it or the line to it can have, and what a download leaves behind."""

import io
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np

from tests.servers import answering


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
PAGE = b"<!DOCTYPE html><html><head><title>Log in to the hotel</title></head></html>"
WHOLE, RESUMABLE = ["", ".json"], [".partial", ".partial.json"]
"""What `kept` says of a download that is done, and of one to go on with."""


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
        silent: whether it takes requests and answers none.
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
    silent: bool = False
    between: Callable[[], None] = lambda: None
    asked: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        self.asked.append(dict(handler.headers.items()))
        if self.silent:
            self.done.wait(30)
            return
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
    with answering(sender.answer) as url:
        sender.url = f"{url}/pets.zip"
        try:
            yield sender
        finally:
            sender.done.set()


def kept(cache: Path) -> list[str]:
    """What is in the cache, by suffix; a whole file has none."""
    return sorted("".join(path.suffixes) for path in (cache / "downloads").iterdir() if path.suffix != ".lock")
