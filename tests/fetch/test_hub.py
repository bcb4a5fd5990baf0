"""Datasets of the Hugging Face Hub, from a server that answers as the Hub and its storage do."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from pawprint.base.errors import UserError
from pawprint.photos.collection import load_photos
from pawprint.photos.identity import identify_source
from pawprint.photos.manifest import Manifest
from pawprint.photos.sources import fetch_photos
from tests.servers import answering, give

TOKEN = "hf_" + "a" * 34
FIRST, SECOND = "1" * 40, "2" * 40
CARD = b"---\nlicense: cc-by-4.0\n---\n# Pets\n"


def fetch(source: str, folder: Path, keep_photos: str = "copy") -> Manifest:
    return fetch_photos(source, folder, keep_photos=keep_photos, resolve_uri=Path)


@dataclass
class Hub:
    """The dataset me/pets, at one commit at a time.

    Attributes:
        files: By path.
        commit: That main is at.
        refusal: Status and X-Error-Code of every answer, if not 0.
        gated: Whether files are refused to those without a token.
        cuts: After how many bytes the next answers with a file end.
        garbled: How many of the next answers with a file have a wrong bit.
        asked: Paths asked for, and the Authorization that came along, by host.
        stored: The same of the storage, which is another host.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = FIRST
    refusal: tuple[int, str] = (0, "")
    gated: bool = False
    cuts: list[int] = field(default_factory=list)
    garbled: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    stored: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""
    storage: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        token = handler.headers.get("Authorization")
        self.asked.append((f"{handler.command} {path}", token))
        if self.refusal[0]:
            give(handler, status=self.refusal[0], **{"X-Error-Code": self.refusal[1], "X-Error-Message": "PLANTED"})
        elif path == f"/api/datasets/me/pets/tree/{self.commit}":
            tree = [
                {"type": "file", "oid": self.oid(data), "size": len(data), "path": name, "lfs": self.lfs(data)}
                for name, data in self.files.items()
            ]
            send_json(handler, tree)
        elif path in {"/api/datasets/me/pets", *(f"/api/datasets/me/pets/revision/{one}" for one in ("main", "v1"))}:
            send_json(handler, {"id": "me/pets", "sha": self.commit, "siblings": [], "private": False})
        elif path.startswith("/api/datasets/me/pets/revision/"):
            give(handler, status=404, **{"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(f"/datasets/me/pets/resolve/{self.commit}/"):
            self.resolve(handler, path.removeprefix(f"/datasets/me/pets/resolve/{self.commit}/"), token)
        else:
            give(handler, status=404, **{"X-Error-Code": "RepoNotFound"})

    def resolve(self, handler: BaseHTTPRequestHandler, name: str, token: str | None) -> None:
        if self.gated and token is None:
            give(handler, status=401, **{"X-Error-Code": "GatedRepo"})
            return
        data = self.files[name]
        handler.send_response(302)
        handler.send_header("Location", f"{self.storage}/{self.oid(data)}?X-Amz-Signature=PLANTED")
        handler.send_header("X-Repo-Commit", self.commit)
        handler.send_header("X-Linked-Etag", f'"{self.oid(data)}"')
        handler.send_header("X-Linked-Size", str(len(data)))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def store(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path.strip("/")
        self.stored.append((f"{handler.command} {path}", handler.headers.get("Authorization")))
        data = next(data for data in self.files.values() if self.oid(data) == path)
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        if self.garbled:
            self.garbled -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        handler.wfile.write(data[start : self.cuts.pop(0) if self.cuts else None])
        handler.close_connection = True

    @classmethod
    def lfs(cls, data: bytes) -> dict[str, Any]:
        return {"oid": cls.oid(data), "size": len(data), "pointerSize": 134}

    @staticmethod
    def oid(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()


def send_json(handler: BaseHTTPRequestHandler, content: Any) -> None:
    give(handler, json.dumps(content).encode(), **{"Content-Type": "application/json"})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with ExitStack() as servers:
        hub = Hub()
        hub.url = servers.enter_context(answering(hub.answer))
        hub.storage = servers.enter_context(answering(hub.store)).replace("127.0.0.1", "localhost")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


def fill(hub: Hub, folder: Path) -> None:
    hub.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}
    hub.files |= {"README.md": CARD, ".gitattributes": b"*.jpg lfs", "model.safetensors": b"no photo"}


@pytest.mark.parametrize("source", ["hf:me/pets", "hf:me/pets@v1", "https://huggingface.co/datasets/me/pets/tree/v1"])
def test_a_dataset_of_loose_photos(source: str, hub: Hub, tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    fill(hub, tiny_photos())
    manifest = fetch(source, tmp_path / "photos")
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert manifest.url == f"hf:me/pets@{FIRST}"
    assert manifest.licence == "cc-by-4.0"
    assert manifest.archives[0].file == "pets.zip"
    asked = [line for line, _ in hub.asked]
    assert not [line for line in asked if "safetensors" in line or "gitattributes" in line]


@pytest.mark.parametrize("keep_photos", ["copy", "reference"])
def test_a_dataset_of_parquet(
    keep_photos: str, hub: Hub, tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    photos = sorted(tiny_photos().rglob("*.jpg"))
    images = [{"bytes": path.read_bytes(), "path": None} for path in photos]
    labels = [int(path.parent.name == "dogs") for path in photos]
    buffer = io.BytesIO()
    # As `push_to_hub` writes it.
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cats", "dogs"]}}
    table = pa.table({"image": images, "label": labels})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), buffer)
    hub.files = {"data/train-00000-of-00001.parquet": buffer.getvalue(), "README.md": CARD}
    manifest = fetch("hf:me/pets", tmp_path / "photos", keep_photos)
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert manifest.licence == "cc-by-4.0"
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    assert len(load_photos(tmp_path / "photos").photos) == 12


def test_a_dataset_of_one_archive(hub: Hub, tiny_zip: Path, tmp_path: Path) -> None:
    hub.files = {"README.md": CARD, "data/pets.zip": tiny_zip.read_bytes()}
    manifest = fetch("hf:me/pets", tmp_path / "photos")
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert (tmp_path / "photos" / "pets.zip").read_bytes() == tiny_zip.read_bytes()
    hub.files["data/more.zip"] = b"PK"
    hub.commit = SECOND
    with pytest.raises(UserError, match=r"holds 2 archives .* train=<address>\+test=<address>: https://huggingface"):
        fetch("hf:me/pets", tmp_path / "b")
    hub.files, hub.commit = {"model.safetensors": b""}, "3" * 40
    with pytest.raises(UserError, match="holds no photos, no Parquet files and no archive"):
        fetch("hf:me/pets", tmp_path / "c")


def test_the_token_goes_to_the_hub_and_no_further(
    hub: Hub, tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub, tiny_photos())
    hub.gated = True
    words = r"open https://huggingface.co/datasets/me/pets, and set HF_TOKEN to a token from https://huggingface"
    with pytest.raises(UserError, match=words) as error:
        fetch("hf:me/pets", tmp_path / "photos")
    assert "\n" not in str(error.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    fetch("hf:me/pets", tmp_path / "photos")
    assert hub.asked[-1][1] == f"Bearer {TOKEN}"
    assert {token for _, token in hub.stored} == {None}
    assert TOKEN not in (tmp_path / "photos" / "manifest.json").read_text()


def test_a_commit_is_fetched_once_and_the_cache_serves_without_the_hub(
    hub: Hub, tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(hub, tiny_photos())
    before = identify_source("hf:me/pets", resolve_uri=Path)
    first = fetch("hf:me/pets", tmp_path / "a")
    fetched = len(hub.stored)
    assert fetch("hf:me/pets", tmp_path / "b").sha256 == first.sha256
    assert len(hub.stored) == fetched
    hub.commit = SECOND
    assert identify_source("hf:me/pets", resolve_uri=Path) != before
    assert identify_source(f"hf:me/pets@{FIRST}", resolve_uri=Path) is not None
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch(f"hf:me/pets@{FIRST}", tmp_path / "c").sha256 == first.sha256
    with pytest.raises(UserError, match=r"hf:me/dogs cannot be reached: connection refused"):
        fetch("hf:me/dogs", tmp_path / "d")


def test_a_transfer_that_breaks_off_goes_on(
    hub: Hub, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.files = {"pets.zip": tiny_zip.read_bytes()}
    hub.cuts = [2000, 1000]
    fetch("hf:me/pets", tmp_path / "photos")
    assert (tmp_path / "photos" / "pets.zip").read_bytes() == tiny_zip.read_bytes()


def test_wrong_bytes_are_never_kept(hub: Hub, tiny_photos: Callable[..., Path], tmp_path: Path, alone: Path) -> None:
    folder = tiny_photos()
    fill(hub, folder)
    hub.garbled = 2
    fetch("hf:me/pets", tmp_path / "photos", "reference")
    (snapshot,) = alone.glob(f"hub/*/snapshots/{FIRST}")
    assert (snapshot / "cats/0001.jpg").read_bytes() == (folder / "cats/0001.jpg").read_bytes()
    hub.commit, hub.garbled = SECOND, 10**6
    hub.files["cats/0001.jpg"] += b"more"
    with pytest.raises(UserError, match=r"cats/0001\.jpg does not match the sha256 that the Hub gives"):
        fetch("hf:me/pets", tmp_path / "b")


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_by_reference(kind: str, hub: Hub, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(hub, tmp_path / "tiny-photos")
    if kind == "archive":
        hub.files = {"pets.zip": tiny_zip.read_bytes()}
    manifest = fetch("hf:me/pets", tmp_path / "photos", "reference")
    assert manifest.archives[0].location == f"hf:me/pets@{FIRST}"
    assert not list((tmp_path / "photos").glob("*.zip"))
    # Another machine asks for that commit, whatever main is at.
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    collection = load_photos(tmp_path / "photos")
    assert len(collection.photos) == 12
    assert collection.read(collection.photos[0])


@pytest.mark.parametrize(
    ("source", "refusal", "words"),
    [
        ("hf:me/pets@v2", (0, ""), "the dataset has no branch, tag or commit 'v2'"),
        ("hf:me/nothing", (0, ""), "the Hub has no dataset of that name, or keeps it private; check the name, or set"),
        ("hf:me/pets", (401, "RepoNotFound"), "keeps it private; check the name, or set HF_TOKEN to a token from"),
        ("hf:me/pets", (403, ""), "the Hub answers 403 Forbidden; set HF_TOKEN to a token from https://huggingface"),
        ("hf:me/pets", (503, ""), "the Hub answers 503 Service Unavailable"),
        ("hf:me--x/pets", (0, ""), "cannot be read: "),
    ],
)
def test_a_refusal_says_what_to_do(source: str, refusal: tuple[int, str], words: str, hub: Hub, tmp_path: Path) -> None:
    hub.refusal = refusal
    with pytest.raises(UserError) as error:
        fetch(source, tmp_path / "photos")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert "PLANTED" not in str(error.value)


def test_one_that_cannot_be_reached_gives_way(hub: Hub, tiny_zip: Path, tmp_path: Path) -> None:
    hub.refusal = (401, "RepoNotFound")
    assert fetch(f"hf:me/pets,{tiny_zip}", tmp_path / "photos").source == str(tiny_zip)
