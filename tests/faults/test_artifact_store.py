"""An artifact store that fails: what a step says it has stored is there, whole, or the step has failed.

And what it reads from there is what was stored, or it says so.
"""

import hashlib
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.base.errors import UserError
from pawprint.fetch import retries
from pawprint.fetch.download import fetch_url
from pawprint.tracking import errors as store_errors
from pawprint.tracking.artifacts import open_artifact, open_location
from pawprint.tracking.digests import find_damage, groups_of
from pawprint.tracking.runs import log_console
from pawprint.tracking.uploads import store_folder
from steps.download import download
from steps.preprocess import preprocess
from tests.faults.proxies import FAULTS, FaultyProxy, failing

pytestmark = pytest.mark.slow


@pytest.fixture
def start_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], FaultyProxy]]:
    # Not a checkout: there is no diff to be kept, and the first upload is a photo's.
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "1")
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store_errors, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(store_errors, "LONGEST_PAUSE", 0.4)
    with ExitStack() as opened:
        yield lambda behind: opened.enter_context(failing(behind))


@pytest.fixture
def proxy(shared_server: Any, start_proxy: Callable[[str], FaultyProxy]) -> Iterator[FaultyProxy]:
    proxy = start_proxy(shared_server.uri)
    mlflow.set_tracking_uri(proxy.uri)
    yield proxy
    mlflow.set_tracking_uri(None)


@pytest.fixture
def bucket(start_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Amazon's interface, by moto, with a bucket that is called so."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    proxy = start_proxy(f"http://{host}:{port}")
    given = {
        "MLFLOW_S3_ENDPOINT_URL": proxy.uri,
        "AWS_ENDPOINT_URL": proxy.uri,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    client.close()
    yield proxy
    server.stop()


def run_download(source: Path) -> None:
    download.main(["--source", str(source), "--labels", "auto", "--keep_photos", "copy"], standalone_mode=False)


def newest_run() -> Any:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"], max_results=1)[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_uploads_that_fail_are_sent_again_until_they_are_whole(
    proxy: FaultyProxy, tiny_photos: Callable[..., Path], fault: str
) -> None:
    proxy.fail("PUT", fault, times=3)
    run_download(tiny_photos())
    # The zip, photos.csv, the manifest and the list of their digests, and again what had gone wrong.
    assert proxy.tried == 4 + (0 if fault == "is slow" else 3)
    run = newest_run()
    assert run.info.status == "FINISHED"
    assert set(groups_of(run)) == {"photos"}
    assert find_damage(run, thorough=True) == []


@pytest.mark.parametrize("fault", ["answers 503", "truncates"])
def test_a_step_whose_artifacts_can_t_be_stored_has_failed(
    proxy: FaultyProxy, tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "0.05")
    proxy.fail("PUT", fault, times=10**6)
    with pytest.raises(UserError, match=r"the artifact \S+ could not be stored whole at mlflow-artifacts:/.*"):
        run_download(tiny_photos())
    run = newest_run()
    assert run.info.status == "FAILED"
    assert "could not be stored whole" in run.data.tags["pawprint.error"]
    assert not groups_of(run)


@pytest.mark.parametrize("fault", ["breaks off", "truncates"])
def test_what_a_person_saw_is_kept_whole(proxy: FaultyProxy, fault: str) -> None:
    with mlflow.start_run() as run:
        pass
    proxy.fail("PUT", fault, times=1)
    log_console(run.info.run_id, "said\n" * 1000)
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/logs/console.txt") == "said\n" * 1000


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """What lies in the folder `files`, by path."""
    contents = {"pixels.bin": bytes(range(256)) * 2000, "inner/more.bin": b"more" * 10_000, "inner/empty.bin": b""}
    for name, content in contents.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return contents


def store_files(folder: Path, contents: dict[str, bytes], location: str) -> None:
    store_folder(folder, location, {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("fault", FAULTS)
def test_downloads_that_fail_are_fetched_again_until_they_are_whole(
    proxy: FaultyProxy, files: dict[str, bytes], tmp_path: Path, fault: str
) -> None:
    with mlflow.start_run() as run:
        store_files(tmp_path / "files", files, f"{run.info.artifact_uri}/files")
    proxy.fail("GET", fault, times=5)
    with open_artifact(f"runs:/{run.info.run_id}/files", expected="files") as folder:
        assert read_files(folder) == files
    assert proxy.left <= 0 or fault == "is slow"
    with open_artifact(f"runs:/{run.info.run_id}/files/pixels.bin", expected="files") as path:
        assert path.read_bytes() == files["pixels.bin"]


@pytest.mark.parametrize("fault", ["answers 503", "breaks off", "truncates"])
def test_what_can_t_be_fetched_whole_is_not_taken(
    proxy: FaultyProxy, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with mlflow.start_run() as run:
        store_files(tmp_path / "files", files, f"{run.info.artifact_uri}/files")
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "0.03")
    proxy.fail("GET", fault, times=10**6)
    with (
        pytest.raises(UserError, match=r"runs:/\S+/files can't be fetched \(.+\); expected my files$") as raised,
        open_artifact(f"runs:/{run.info.run_id}/files", expected="my files"),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_what_is_not_there_is_not_waited_for(proxy: FaultyProxy, files: dict[str, bytes], tmp_path: Path) -> None:
    with mlflow.start_run() as run:
        store_files(tmp_path / "files", files, f"{run.info.artifact_uri}/files")
    started = time.monotonic()
    for path in ("files/no.bin", "no", "file"):
        with (
            pytest.raises(UserError, match=f"{path} names nothing that is there; expected my files"),
            open_artifact(f"runs:/{run.info.run_id}/{path}", expected="my files"),
        ):
            pass
    assert time.monotonic() - started < 5


def test_a_step_works_on_what_it_was_given_or_not_at_all(proxy: FaultyProxy, tiny_photos: Callable[..., Path]) -> None:
    """The photos break off, and come again; then one byte of them is another than was stored."""
    run_download(tiny_photos(photos=12))
    words = {
        "photos": f"runs:/{newest_run().info.run_id}/photos",
        "image_size": "16",
        "train_images": "0",
        "test_images": "0",
        "validation_fraction": "0.25",
        "fit": "auto",
        "group": "",
        "split_by_time": "",
        "where": "",
        "near_duplicates": "group",
        "corrections": "",
        "correct_test": "false",
        "more": "",
        "seed": "0",
    }
    given = [word for name, value in words.items() for word in (f"--{name}", value)]
    proxy.fail("GET", "breaks off", times=3)
    preprocess.main(given, standalone_mode=False)
    assert proxy.left < 0
    run = newest_run()
    assert run.info.status == "FINISHED"
    assert find_damage(run, thorough=True) == []
    proxy.fail("GET", "garbles", times=10**6)
    with pytest.raises(UserError, match=r"is not the archive that its manifest describes \(sha256 differs\)"):
        preprocess.main(given, standalone_mode=False)
    assert newest_run().info.status == "FAILED"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bucket_that_fails(bucket: FaultyProxy, files: dict[str, bytes], tmp_path: Path, fault: str) -> None:
    bucket.fail("PUT", fault, times=3)
    store_files(tmp_path / "files", files, "s3://bucket/run/files")
    assert bucket.tried == 3 + (0 if fault == "is slow" else 3)
    # Of the store's own library each file gets five tries.
    bucket.fail("GET", fault, times=12)
    with open_location("s3://bucket/run/files") as folder:
        assert read_files(folder) == files
    assert bucket.left < 0 or fault == "is slow"


def test_a_bucket_without_credentials_is_not_waited_for(
    bucket: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # which remembers them
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    (tmp_path / "file").write_bytes(b"file")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"can't be fetched .*credentials"), open_location("s3://bucket/run/files"):
        pass
    with pytest.raises(UserError, match=r"the artifact file could not be stored whole at s3://.*credentials"):
        store_folder(tmp_path, "s3://bucket/run", {"file": "0"})
    assert time.monotonic() - started < 10


def test_a_source_in_a_bucket_that_breaks_off(
    bucket: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than one request's worth of it, so that it breaks off in the middle of one and between two."""
    boto3 = pytest.importorskip("boto3")
    photos = tmp_path / "photos.zip"
    with zipfile.ZipFile(photos, "w") as archive:
        for name in ("cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"):
            archive.writestr(name, random.Random(name).randbytes(5_000_000))
    boto3.client("s3").upload_file(str(photos), "bucket", "photos.zip")
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.1)
    for fault in ("breaks off", "truncates", "answers 503"):
        monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / fault))
        bucket.fail("GET", fault, times=7)
        fetched = fetch_url("s3://bucket/photos.zip")
        assert bucket.left < 0, fault
        assert fetched.path.read_bytes() == photos.read_bytes()
        assert {path.suffix for path in fetched.path.parent.iterdir()} == {"", ".json", ".lock"}
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "never"))
    bucket.fail("GET", "truncates", times=10**6)
    with pytest.raises(UserError, match=r"s3://bucket/photos\.zip"):
        fetch_url("s3://bucket/photos.zip")
    assert not [path for path in (tmp_path / "never/downloads").iterdir() if not path.suffix]
