"""A cache of each test's own, no credentials, and servers on 127.0.0.1 that behave like the real ones."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pawprint.base import handover
from pawprint.fetch import kaggle as kaggle_api
from pawprint.fetch import retries
from tests.servers import Answer, answering, give

KAGGLE = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache, credentials and proxies out of the tests; return the cache folder."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("PAWPRINT_CACHE", str(cache))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in (*KAGGLE, "XDG_CONFIG_HOME", "MLFLOW_TRACKING_URI", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(handover.VARIABLE, "")
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(retries, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(retries, "BUSY_SECONDS_BEFORE_OTHERS", 0.1)
    return cache


@pytest.fixture
def kept(alone: Path) -> Callable[[], list[Path]]:
    """Return a function that lists what is in the cache, but for locks, which are empty."""
    return lambda: [path for path in alone.rglob("*") if path.is_file() and path.suffix != ".lock"]


@dataclass
class Site:
    """A web server: what it answers by path, what it was asked, and with which headers."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        self.headers.append(dict(handler.headers.items()))
        answer = self.answers.get(handler.path.partition("?")[0])
        if answer is None:
            handler.send_error(404)
        else:
            answer(handler)

    def give_file(
        self,
        path: str,
        data: bytes,
        *,
        kind: str = "application/zip",
        length: int | None = -1,
        etag: str | None = None,
    ) -> str:
        """Answer with data; length None leaves Content-Length out, another than -1 lies about it."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", kind)
            if etag is not None:
                handler.send_header("ETag", etag)
            if length is not None:
                handler.send_header("Content-Length", str(len(data) if length == -1 else length))
            handler.end_headers()
            handler.wfile.write(data)

        self.answers[path] = answer
        return self.url + path

    def give_page(self, path: str, page: str) -> str:
        return self.give_file(path, page.encode(), kind="text/html; charset=utf-8", length=None)

    def give_redirect(self, path: str, url: str) -> str:
        self.answers[path] = lambda handler: give(handler, status=302, Location=url)
        return self.url + path

    def give_error(self, path: str, status: int) -> str:
        self.answers[path] = lambda handler: handler.send_error(status)
        return self.url + path


@pytest.fixture
def start_site() -> Iterator[Callable[[], Site]]:
    """Return a function that starts a web server on a free port of 127.0.0.1."""
    with ExitStack() as servers:

        def start() -> Site:
            site = Site()
            site.url = servers.enter_context(answering(site.answer))
            return site

        yield start


@pytest.fixture
def site(start_site: Callable[[], Site]) -> Site:
    return start_site()


@pytest.fixture
def tiny_zip(tiny_photos: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a zip of twelve photos, six cats and six dogs, compressed as people make them."""
    return Path(shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_photos()))


@pytest.fixture
def kaggle(start_site: Callable[[], Site], tiny_zip: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Site]:
    """Start Kaggle and the storage that it redirects to, which is another host with an address of its own."""
    front, storage = start_site(), start_site()
    address = storage.give_file("/signed/archive.zip", tiny_zip.read_bytes(), length=None)
    address = address.replace("127.0.0.1", "localhost") + "?X-Goog-Signature=ab12"
    front.give_redirect("/api/v1/datasets/download/tongpython/cat-and-dog", address)
    front.give_redirect("/api/v1/datasets/download/someone/pets", address)
    front.give_redirect("/api/v1/competitions/data/download-all/dog-breeds", address)
    monkeypatch.setattr(kaggle_api, "API_URL", f"{front.url}/api/v1/")
    return front, storage
