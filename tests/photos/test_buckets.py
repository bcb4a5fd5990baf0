"""Object stores: S3 as moto plays it, Google's as a server that answers the two requests that gcsfs makes."""

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pawprint.errors import UserError
from pawprint.photos.collection import load_photos
from pawprint.photos.manifest import Manifest
from pawprint.photos.sources import fetch_photos


def fetch(source: str, folder: Path, keep_photos: str = "copy") -> Manifest:
    return fetch_photos(source, folder, keep_photos=keep_photos, resolve_uri=Path)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Start an S3 server with a bucket `pets`; return a client to fill it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    client = boto3.client("s3")
    client.create_bucket(Bucket="pets")
    yield client
    client.close()
    server.stop()


@pytest.mark.slow  # moto takes 3 s to import
def test_s3(s3: Any, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="pets", Key="some/tiny.zip", Body=tiny_zip.read_bytes(), ACL="public-read")
    manifest = fetch("s3://pets/some/tiny.zip", tmp_path / "photos", "reference")
    assert manifest.url == "s3://pets/some/tiny.zip"
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    # A stranger, without any credentials, may read it too, and so may another machine.
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    assert len(load_photos(tmp_path / "photos").photos) == 12


@pytest.mark.slow  # as above
@pytest.mark.parametrize("url", ["s3://pets/no.zip", "s3://no-such-bucket/no.zip"])
def test_s3_objects_that_are_not_there(url: str, s3: Any, tmp_path: Path) -> None:
    assert s3
    with pytest.raises(UserError, match=f"{url} cannot be read: no such bucket or object"):
        fetch(url, tmp_path / "photos")


def test_s3_that_cannot_be_reached_gives_way(tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    manifest = fetch(f"s3://pets/no.zip,{tiny_zip}", tmp_path / "photos")
    assert manifest.source == str(tiny_zip)


def test_gs(start_site: Callable[[], Any], tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_zip.read_bytes()
    site = start_site()

    def describe(handler: BaseHTTPRequestHandler) -> None:
        body = {
            "kind": "storage#object",
            "name": "tiny.zip",
            "bucket": "pets",
            "size": str(len(data)),
            "generation": "1",
        }
        send(handler, 200, json.dumps(body).encode(), "application/json")

    def give(handler: BaseHTTPRequestHandler) -> None:
        first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"]).groups()  # type: ignore[union-attr]
        send(handler, 206, data[int(first) : int(last) + 1], "application/zip")

    def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    site.answers["/storage/v1/b/pets/o/tiny.zip"] = describe
    site.answers["/download/storage/v1/b/pets/o/tiny.zip"] = give
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", site.url)
    manifest = fetch("gs://pets/tiny.zip", tmp_path / "photos")
    assert manifest.url == "gs://pets/tiny.zip"
    assert (tmp_path / "photos" / "tiny.zip").read_bytes() == data
    with pytest.raises(UserError, match="no such bucket or object"):
        fetch("gs://pets/other.zip", tmp_path / "b")
