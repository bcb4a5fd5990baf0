"""Object stores: S3 as moto plays it, Google's and Azure's as `stores.py` does."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pawprint.base.errors import UserError
from pawprint.fetch import loose, object_stores, prefixes, retries
from pawprint.fetch.buckets import open_bucket
from pawprint.fetch.streams import Resume
from pawprint.photos.collection import load_photos
from pawprint.photos.identity import identify_source
from pawprint.photos.manifest import Manifest
from pawprint.photos.sources import fetch_photos
from tests.fetch.stores import Store, storing


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
def test_s3_with_a_profile(s3: Any, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="pets", Key="tiny.zip", Body=tiny_zip.read_bytes())
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(f"[profile mine]\nendpoint_url = {endpoint}\nregion = eu-west-1\n")
    (tmp_path / "keys").write_text("[mine]\naws_access_key_id = me\naws_secret_access_key = mine\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert fetch("s3://pets/tiny.zip", tmp_path / "photos").counts
    monkeypatch.setenv("AWS_PROFILE", "yours")
    with pytest.raises(UserError, match=r"s3://pets/other\.zip cannot be read: .*\(yours\) could not be found"):
        fetch("s3://pets/other.zip", tmp_path / "other")


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


GOOGLE, AZURE, AZURES_OTHER_FORM = "gs://pets", "az://pets", "abfss://pets@account.dfs.core.windows.net"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Start Google's store and Azure's; return the buckets to fill."""
    with storing() as store:
        monkeypatch.setattr(retries, "BUSY_SECONDS", 5)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.url)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{store.url}/account")
        yield store


@pytest.mark.parametrize("bucket", [GOOGLE, AZURE, AZURES_OTHER_FORM])
def test_googles_and_azures(bucket: str, store: Store, tiny_zip: Path, tmp_path: Path) -> None:
    store.objects["pets/tiny.zip"] = tiny_zip.read_bytes()
    manifest = fetch(f"{bucket}/tiny.zip", tmp_path / "photos")
    assert manifest.url == f"{bucket}/tiny.zip"
    assert (tmp_path / "photos" / "tiny.zip").read_bytes() == tiny_zip.read_bytes()
    assert "Authorization" not in {name for headers in store.headers for name in headers}
    with pytest.raises(UserError, match=f"{bucket}/other.zip cannot be read: no such bucket or object"):
        fetch(f"{bucket}/other.zip", tmp_path / "b")


@pytest.mark.parametrize("bucket", [GOOGLE, AZURE])
@pytest.mark.parametrize("fault", ["cuts", "503", "403", "changes"])
def test_faults(bucket: str, fault: str, store: Store, tiny_zip: Path, tmp_path: Path) -> None:
    store.objects["pets/tiny.zip"] = tiny_zip.read_bytes()
    if fault == "cuts":
        store.cuts = [100, 2000, 1500, 1600]
    elif fault == "changes":
        store.cuts, store.refusals = [2000], [503, 412]
    else:
        store.refusals = [int(fault)] * 4
    if fault == "403":
        with pytest.raises(UserError, match="no permission; expected a public object, or credentials"):
            fetch(f"{bucket}/tiny.zip", tmp_path / "photos")
        assert len(store.asked) == 2
    else:
        manifest = fetch(f"{bucket}/tiny.zip", tmp_path / "photos")
        assert manifest.bytes == len(tiny_zip.read_bytes())
        assert not store.cuts
        assert not store.refusals


def test_what_changed_between_two_requests_is_never_spliced(store: Store, tiny_zip: Path) -> None:
    before, after = tiny_zip.read_bytes(), tiny_zip.read_bytes()[::-1]
    store.objects["pets/tiny.zip"] = before
    stream = open_bucket("gs://pets/tiny.zip")
    store.objects["pets/tiny.zip"] = after
    assert stream.mark is not None
    resumed = open_bucket("gs://pets/tiny.zip", Resume(1000, stream.mark, stream.num_bytes))
    assert resumed.start == 0
    assert b"".join([resumed.head, *resumed.rest]) == after


def test_googles_credentials(store: Store, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Credentials:
        token, expiry = "a-token", None

        def refresh(self, _: object) -> None:
            """Have a token."""

    asked = []
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_BASE_URL", store.url)
    monkeypatch.setattr("google.auth.default", lambda scopes: (Credentials(), asked.append(scopes)))
    store.objects["pets/tiny.zip"] = tiny_zip.read_bytes()
    assert fetch("gs://pets/tiny.zip", tmp_path / "photos").counts
    assert {headers["authorization"] for headers in store.headers} == {"Bearer a-token"}
    assert asked[0] == ["https://www.googleapis.com/auth/devstorage.read_only"]


def test_azures_connection_string_names_account_and_key(
    store: Store, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects["pets/tiny.zip"] = tiny_zip.read_bytes()
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ENDPOINT"):
        monkeypatch.delenv(name)
    with pytest.raises(UserError, match="no storage account is named; set AZURE_STORAGE_ACCOUNT_NAME"):
        fetch("az://pets/tiny.zip", tmp_path / "photos")
    words = f"AccountName=account;AccountKey=cGxhbnRlZA==;BlobEndpoint={store.url}/account"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", words)
    assert fetch("az://pets/tiny.zip", tmp_path / "photos").counts
    assert store.headers[-1]["authorization"].startswith("SharedKey account:")


SOMEWHERE = "pets/my photos/ü+1%20/"
"""A prefix with all that a name may hold."""


def fill(store: Store, folder: Path) -> None:
    for path in folder.rglob("*.jpg"):
        store.objects[f"{SOMEWHERE}{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    store.objects[f"{SOMEWHERE}labels.csv"] = b"image,label\n"
    store.objects[f"{SOMEWHERE}cats/"] = b""  # a folder, as consoles make them
    store.objects[f"{SOMEWHERE}cats/more.zip"] = b"PK"
    store.objects["pets/my photos/ü+1%20 too/cats/9.jpg"] = b"not of that prefix"


@pytest.mark.parametrize("scheme", ["gs", "az"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_loose_photos_under_a_prefix(
    scheme: str, slash: str, store: Store, tiny_photos: Callable[..., Path], tmp_path: Path
) -> None:
    fill(store, tiny_photos())
    store.refusals = [503, 503]
    store.cuts = [10, 20]
    manifest = fetch(f"{scheme}://{SOMEWHERE.rstrip('/')}{slash}", tmp_path / "photos")
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert manifest.url == f"{scheme}://{SOMEWHERE}"
    assert manifest.ignored["archive within the archive"] == 1
    with zipfile.ZipFile(tmp_path / "photos" / str(manifest.archives[0].file)) as archive:
        assert "labels.csv" in archive.namelist()
        assert archive.read("cats/0001.jpg") == (tmp_path / "tiny-photos/cats/0001.jpg").read_bytes()
        assert not [name for name in archive.namelist() if "9.jpg" in name or name.endswith("/")]


def test_loose_photos_are_fetched_once_and_again_where_one_changed(
    store: Store, tiny_photos: Callable[..., Path], tmp_path: Path
) -> None:
    fill(store, tiny_photos())
    source = f"gs://{SOMEWHERE}"
    before = identify_source(source, resolve_uri=Path)
    assert before is not None
    first = fetch(source, tmp_path / "a")
    asked = len(store.asked)
    assert fetch(source, tmp_path / "b").sha256 == first.sha256
    assert not [line for line in store.asked[asked:] if "list-type" not in line]
    assert identify_source(source, resolve_uri=Path) == before
    store.objects[f"{SOMEWHERE}cats/0001.jpg"] += b"more"
    assert identify_source(source, resolve_uri=Path) != before
    assert fetch(source, tmp_path / "c").sha256 != first.sha256


def test_loose_photos_that_broke_off_are_gone_on_with(
    store: Store, tiny_photos: Callable[..., Path], tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "FETCHED_AT_ONCE", 1)
    fill(store, tiny_photos())
    store.refusals = [0] * 7 + [403]
    with pytest.raises(UserError, match=r"dogs/0002\.jpg cannot be read: no permission"):
        fetch(f"gs://{SOMEWHERE}", tmp_path / "a")
    assert not [path for path in (alone / "downloads").iterdir() if not path.suffix]
    store.asked.clear()
    assert fetch(f"gs://{SOMEWHERE}", tmp_path / "b").counts == {"unassigned": {"cats": 6, "dogs": 6}}
    # The seven that came are not asked for again, nor is one that came while the eighth was refused.
    assert len([line for line in store.asked if "list-type" not in line]) in {5, 6}
    assert not list((alone / "downloads").glob("*.objects"))


def test_loose_photos_by_reference(
    store: Store, tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, tiny_photos())
    manifest = fetch(f"gs://{SOMEWHERE}", tmp_path / "photos", "reference")
    assert {path.suffix for path in (tmp_path / "photos").iterdir()} == {".json", ".csv"}
    assert manifest.archives[0].location == f"gs://{SOMEWHERE}"
    # On this machine from the cache, on another from the bucket.
    del store.objects[f"{SOMEWHERE}labels.csv"]
    assert len(load_photos(tmp_path / "photos").photos) == 12
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    with pytest.raises(UserError, match="has changed since it was downloaded by reference"):
        load_photos(tmp_path / "photos")
    store.objects[f"{SOMEWHERE}labels.csv"] = b"image,label\n"
    assert len(load_photos(tmp_path / "photos").photos) == 12


def test_a_bucket_that_is_away_leaves_the_cache(
    store: Store, tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, tiny_photos())
    first = fetch(f"gs://{SOMEWHERE}", tmp_path / "a")
    version = identify_source(f"gs://{SOMEWHERE}", resolve_uri=Path)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert identify_source(f"gs://{SOMEWHERE}", resolve_uri=Path) == version
    assert fetch(f"gs://{SOMEWHERE}", tmp_path / "b").sha256 == first.sha256
    assert fetch(f"gs://{SOMEWHERE.rstrip('/')}", tmp_path / "without a slash").sha256 == first.sha256
    with pytest.raises(UserError, match=r"gs://pets/other/ cannot be read: connection refused"):
        fetch("gs://pets/other/", tmp_path / "c")


def test_prefixes_that_are_no_photos(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="gs://pets/none/ cannot be read: nothing lies there"):
        fetch("gs://pets/none/", tmp_path / "photos")
    store.objects |= {f"pets/{number}.jpg": b"x" for number in range(5)}
    monkeypatch.setattr(prefixes, "MAX_MEMBERS", 4)
    with pytest.raises(UserError, match="gs://pets/ holds more than 4 objects; name a folder within it"):
        fetch("gs://pets/", tmp_path / "photos")


def test_shards_under_a_prefix(store: Store, tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos = [(path.read_bytes(), int(path.parent.name == "dogs")) for path in sorted(tiny_photos().rglob("*.jpg"))]
    for number in (0, 1):
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            for position, (data, label) in enumerate(photos[number::2]):
                for suffix, content in ((".jpg", data), (".cls", str(label).encode())):
                    member = tarfile.TarInfo(f"{number}{position:05}{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        store.objects[f"pets/shards/train-{number:06}.tar"] = tar.getvalue()
    store.objects["pets/shards/classes.txt"] = b"cats\ndogs\n"
    manifest = fetch("gs://pets/shards/", tmp_path / "photos")
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}


@pytest.mark.slow  # moto
def test_loose_photos_in_s3(s3: Any, tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_photos()
    for path in folder.rglob("*.jpg"):
        key = f"my photos/ü+1%20/{path.relative_to(folder).as_posix()}"
        s3.put_object(Bucket="pets", Key=key, Body=path.read_bytes())
    assert fetch("s3://pets/my photos/ü+1%20/", tmp_path / "photos").counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert object_stores.find_region("pets") is None  # of Amazon's own there is none here
