"""An artifact store that fails: what a step says it has stored is there, whole, or the step has failed."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow import MlflowClient

from pawprint.errors import UserError
from pawprint.lineage.digests import find_damage, groups_of
from steps.download import download

pytestmark = pytest.mark.slow

UPLOADS = "/api/2.0/mlflow-artifacts/artifacts/"
FAULTS = ("answers 503", "breaks off", "truncates", "is slow", "refuses")


class FaultyProxy(ThreadingHTTPServer):
    """Passes all on to a tracking server, but for the first uploads, which go wrong."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.fault, self.left, self.uploads = behind, "", 0, 0
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, fault: str, times: int) -> None:
        self.fault, self.left, self.uploads = fault, times, 0

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that were meant to break."""


class Handler(BaseHTTPRequestHandler):
    server: FaultyProxy

    def pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        upload = self.command == "PUT" and self.path.startswith(UPLOADS)
        fault = ""
        if upload:
            self.server.uploads += 1
            if self.server.left:
                self.server.left -= 1
                fault = self.server.fault
        if fault == "refuses":
            self.connection.close()
            return
        if fault == "breaks off":
            self.rfile.read(length // 2)
            self.connection.close()
            return
        body = self.rfile.read(length)
        if fault == "answers 503":
            self.send_error(503)
            return
        if fault == "truncates":
            body = body[: length // 2]
        if fault == "is slow":
            time.sleep(2)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in {"host", "content-length"}
        }
        answer = requests.request(
            self.command, self.server.behind + self.path, data=body, headers=headers, timeout=60, stream=True
        )
        content = answer.raw.read()
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "server", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - http.server calls them so

    def log_message(self, *_: Any) -> None:
        """Keep the test's output free of it."""


@pytest.fixture
def proxy(shared_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(shared_server.uri)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    # Not a checkout: there is no diff to be kept, and the first upload is a photo's.
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    mlflow.set_tracking_uri(proxy.uri)
    yield proxy
    mlflow.set_tracking_uri(None)
    proxy.shutdown()
    proxy.server_close()


def run_download(source: Path) -> None:
    download.main(["--source", str(source), "--keep_photos", "copy"], standalone_mode=False)


def newest_run() -> Any:
    return MlflowClient().search_runs(["0"], order_by=["attributes.start_time DESC"], max_results=1)[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_uploads_that_fail_are_sent_again_until_they_are_whole(
    proxy: FaultyProxy, tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "1")
    proxy.fail(fault, times=3)
    run_download(tiny_photos())
    assert proxy.left == 0
    # The zip, the manifest and the list of their digests, and again what had gone wrong.
    assert proxy.uploads == 3 + (0 if fault == "is slow" else 3)
    run = newest_run()
    assert run.info.status == "FINISHED"
    assert set(groups_of(run)) == {"photos"}
    assert find_damage(run, thorough=True) == []


@pytest.mark.parametrize("fault", ["answers 503", "truncates"])
def test_a_step_whose_artifacts_can_t_be_stored_has_failed(
    proxy: FaultyProxy, tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "0.05")
    proxy.fail(fault, times=10**6)
    with pytest.raises(UserError, match=r"the artifact \S+ could not be stored whole at mlflow-artifacts:/.*"):
        run_download(tiny_photos())
    run = newest_run()
    assert run.info.status == "FAILED"
    assert "could not be stored whole" in run.data.tags["pawprint.error"]
    assert not groups_of(run)


def test_what_is_read_back_from_a_bucket_is_what_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Amazon's interface, by moto: a body that is stored short is found, and sent again."""
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    from pawprint.lineage.uploads import store_folder

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = boto3.resource("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="photos")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "pixels.bin").write_bytes(bytes(range(256)) * 100)
    digest = hashlib.sha256((tmp_path / "inner" / "pixels.bin").read_bytes()).hexdigest()
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    send, times = S3ArtifactRepository.log_artifact, []

    def send_short_at_first(self: Any, local_file: str, artifact_path: str | None = None) -> None:
        send(self, local_file, artifact_path)
        times.append(local_file)
        if len(times) == 1:
            bucket.Object("run/inner/pixels.bin").put(Body=b"short")

    monkeypatch.setattr(S3ArtifactRepository, "log_artifact", send_short_at_first)
    try:
        store_folder(tmp_path, "s3://photos/run", {"inner/pixels.bin": digest})
        stored = bucket.Object("run/inner/pixels.bin").get()["Body"].read()
    finally:
        server.stop()
    assert len(times) == 2
    assert hashlib.sha256(stored).hexdigest() == digest
