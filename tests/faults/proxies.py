"""An artifact store that fails: a proxy before it, in which uploads and downloads go wrong as they do on a bad line."""

import itertools
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

ARTIFACTS = ("/api/2.0/mlflow-artifacts/artifacts/", "/bucket/")
"""Where MLflow's server has them, and where the bucket has; what asks for a list has no more than a query after it."""
FAULTS = ("answers 503", "breaks off", "truncates", "is slow", "refuses")


class FaultyProxy(ThreadingHTTPServer):
    """Passes all on to a store, but for uploads, or downloads, that are to go wrong."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.uri = behind, f"http://127.0.0.1:{self.server_address[1]}"
        self.turn = threading.Lock()
        self.fail("", "", times=0)

    def fail(self, methods: str, *faults: str, times: int, every: int = 1, where: str = "") -> None:
        """Have requests go wrong from now on.

        Args:
            methods: PUT, GET or, for both, PUT|GET.
            faults: what happens to them, in turns.
            times: how many go wrong.
            every: one of how many does.
            where: a part of the paths of those that count.
        """
        self.methods, self.faults, self.where, self.every = methods, itertools.cycle(faults), where, every
        self.left, self.tried = times, 0

    def choose_fault(self, method: str, path: str) -> str:
        with self.turn:
            concerned = re.fullmatch(self.methods, method) and path.startswith(ARTIFACTS) and self.where in path
            if not concerned or "?" in path:
                return ""
            self.tried += 1
            if self.tried % self.every:
                return ""
            self.left -= 1
            return next(self.faults) if self.left >= 0 else ""

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that were meant to break."""


class Handler(BaseHTTPRequestHandler):
    server: FaultyProxy

    def pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.server.choose_fault(self.command, self.path)
        upload = self.command == "PUT"
        if fault == "refuses":
            self.connection.close()
            return
        if fault == "breaks off" and upload:
            self.rfile.read(length // 2)
            self.connection.close()
            return
        body = self.rfile.read(length)
        if fault == "answers 503":
            self.send_error(503)
            return
        if fault == "truncates" and upload:
            body = body[: length // 2]
        if fault == "is slow":
            time.sleep(2)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):  # as requests sends an empty file
            assert self.rfile.readline() + self.rfile.readline() == b"0\r\n\r\n"
        own = {"host", "content-length", "transfer-encoding"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        answer = requests.request(
            self.command, self.server.behind + self.path, data=body, headers=headers, timeout=60, stream=True
        )
        content = answer.raw.read()
        if fault == "truncates" and not upload:
            content = content[: len(content) // 2]  # and its length is told as that
        if fault == "garbles" and self.path.endswith(".zip"):
            content = bytes([*content[:-1], content[-1] ^ 1])
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "server", "date"}:
                self.send_header(name, value)
        self.send_header(
            "Content-Length", answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
        )
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "breaks off" else content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - http.server calls them so

    def log_message(self, *_: Any) -> None:
        """Keep the test's output free of it."""


@contextmanager
def failing(behind: str) -> Iterator[FaultyProxy]:
    """Yield a proxy before a store, which fails as it is told to."""
    with FaultyProxy(behind) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
