"""Credentials planted wherever a run may meet them, and then looked for in all that it leaves behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.servers import answering, give

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLANTED = b"PLANTED"
SIGNED = "X-Goog-Signature=PLANTED-signature&X-Goog-Credential=PLANTED-credential"


@pytest.fixture
def hosts(tiny_photos: Callable[..., Path], tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Start a front that wants a password and redirects, and a storage with the photos; yield what they were sent."""
    data = Path(shutil.make_archive(str(tmp_path / "tiny"), "zip", tiny_photos(photos=20))).read_bytes()
    sent: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        sent.append(f"{handler.headers['Host']} {handler.headers.get('Authorization')}")
        path = handler.path.partition("?")[0]
        if path == "/page.zip":
            title = "Welcome me, your password: PLANTED-page, PLANTED-netrc PLANTED-kaggle"
            give(handler, f"<html><title>{title}</title></html>".encode())
        elif path == "/lost.zip":
            give(handler, status=302, Location=f"http://127.0.0.1:9/a.zip?{SIGNED}")
        elif path == "/file.zip":
            give(handler, status=302, Location="file:///etc/PLANTED-path")
        elif path == "/pets.zip":
            host = handler.headers["Host"].replace("127.0.0.1", "localhost")
            give(handler, status=302, Location=f"http://{host}/storage?{SIGNED}")
        elif path == "/storage":
            first = "Range" not in handler.headers
            start = 0 if first else int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
            handler.send_response(200 if first else 206)
            handler.send_header("ETag", '"1"')
            handler.send_header("Content-Length", str(len(data) - start))
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            handler.end_headers()
            handler.wfile.write(data[start : len(data) // 2 if first else None])
            handler.close_connection = True
        else:
            handler.send_error(403, "PLANTED-reason")

    with answering(answer) as url:
        yield url, sent


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs mlflow with credentials in its surroundings, in the folder `caller`."""
    home, caller, scratch = tmp_path / "home", tmp_path / "caller", tmp_path / "scratch"
    for folder in (home, caller, scratch):
        folder.mkdir()
    (home / ".netrc").write_text("machine 127.0.0.1 login me password PLANTED-netrc\n")
    surroundings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "NO_PROXY": "127.0.0.1,localhost",
        "PAWPRINT_CACHE": str(tmp_path / "cache"),
        "KAGGLE_USERNAME": "PLANTED-user",
        "KAGGLE_KEY": "PLANTED-kaggle",
        "KAGGLE_API_TOKEN": "PLANTED-kaggle-token",
        "HF_TOKEN": "PLANTED-hub",
        "AWS_ACCESS_KEY_ID": "PLANTED-aws-id",
        "AWS_SECRET_ACCESS_KEY": "PLANTED-aws-key",
        "GOOGLE_API_KEY": "PLANTED-google",
    }

    def start(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "mlflow", *words],
            cwd=caller,
            env={**surroundings, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return start


def search(folder: Path) -> list[str]:
    """Every place under a folder, the bytes of the store among them, where something planted has got to."""
    return [
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and PLANTED in path.read_bytes()
    ]


def test_no_credential_gets_into_store_artifacts_cache_or_console(
    hosts: tuple[str, list[str]], run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    url, sent = hosts
    names = ("page", "lost", "file", "refused", "pets")
    source = ",".join(f"{url}/{name}.zip" for name in names)
    words = ("-P", f"source={source}", "-P", "epochs=1", "-P", "image_size=32", "-P", "architecture=baseline")
    done = run("run", str(ROOT), "--env-manager", "local", *words)
    assert done.returncode == 0, done.stderr
    assert "HTML page ('Welcome me, your password: …" in done.stderr
    assert "redirects from http:// to file://" in done.stderr
    assert "trying again" in done.stderr  # the transfer that broke off
    # They were there to be had, went to the host they are for, and to no other.
    assert {line.partition(" ")[2] for line in sent if line.startswith("127.")} != {"None"}
    assert {line.partition(" ")[2] for line in sent if line.startswith("localhost")} == {"None"}
    assert "PLANTED" not in done.stdout + done.stderr
    assert (tmp_path / "caller" / "mlflow.db").stat().st_size > 0
    assert (tmp_path / "caller" / "mlruns").is_dir()
    for folder in ("caller", "cache", "scratch"):
        assert search(tmp_path / folder) == []


@pytest.mark.parametrize("step", ["main", "download"])
def test_a_source_that_holds_a_secret_leaves_no_run(
    step: str, run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    source = "source=https://127.0.0.1:9/a.zip?X-Amz-Signature=PLANTED-signature"
    done = run("run", str(ROOT), "-e", step, "--env-manager", "local", "-P", source)
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "the parameter X-Amz-Signature" in line
    assert "rotate the key" in line
    # What follows it is the launcher's, which can't write down the end of a deleted run; the message says so.
    assert "This is all that is wrong: the traceback of MLflow's launcher below" in line
    assert "must be in the 'active' state" in done.stderr.splitlines()[-1]
    assert "PLANTED" not in line
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    store = f"sqlite:///{tmp_path}/caller/mlflow.db"
    client = MlflowClient(store)
    assert client.search_runs(["0"]) == []
    (deleted,) = client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)
    assert deleted.info.status == "FAILED"
    command = f"mlflow gc --backend-store-uri {store} --run-ids {deleted.info.run_id}"
    assert f"MLFLOW_TRACKING_URI={store} {command}`" in line
    # The command does what the message says of it.
    done = run(*command.split()[1:], MLFLOW_TRACKING_URI=store)
    assert done.returncode == 0, done.stderr
    assert search(tmp_path / "caller") == []
