"""Full disks, as small file systems in memory: said in plain words, and nothing half-written is taken for whole."""

import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.archives.packing import pack_folder
from pawprint.base.errors import UserError
from steps.download import download
from steps.preprocess import preprocess
from tests.servers import answering

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a file system needs root"),
]
MEND = "free some, or name folders on another disk in PAWPRINT_CACHE and TMPDIR"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk of a size (`1m`) on first call, and give it another size on the next."""
    folder = tmp_path / "disk"

    def mount(size: str) -> Path:
        again = folder.exists()
        folder.mkdir(exist_ok=True)
        options = f"remount,size={size}" if again else f"size={size}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return folder

    yield mount
    if folder.exists():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowClient]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield MlflowClient()
    mlflow.set_tracking_uri(None)


@pytest.fixture
def address(tmp_path: Path, tiny_photos: Callable[..., Path]) -> Iterator[Callable[..., str]]:
    """A web server's address of a zip of drawn photos of about 2 MB, whose length it tells or not."""
    path = tmp_path / "photos.zip"
    pack_folder(tiny_photos(photos=1200, name="many"), path)
    content = path.read_bytes()
    assert len(content) > 1.5 * 2**20

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if handler.path.startswith("/told"):
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with answering(answer) as url:
        yield lambda told: f"{url}/{'told' if told else 'untold'}/photos.zip"


def run_download(source: object) -> None:
    download.main(["--source", str(source), "--labels", "auto", "--keep_photos", "copy"], standalone_mode=False)


def run_preprocess(run_id: str) -> None:
    words = {"photos": f"runs:/{run_id}/photos", "image_size": 64, "train_images": 200, "test_images": 40}
    words |= {"validation_fraction": 0.1, "fit": "auto", "group": "", "split_by_time": "", "where": "", "seed": 0}
    words |= {"near_duplicates": "group", "corrections": "", "correct_test": "false", "more": ""}
    preprocess.main([f"--{name}={value}" for name, value in words.items()], standalone_mode=False)


def newest(store: MlflowClient, experiment: str = "0") -> Any:
    return store.search_runs([experiment], order_by=["attributes.start_time DESC"], max_results=1)[0]


@pytest.mark.parametrize("told", [True, False])
def test_a_download_that_fills_the_cache(
    store: MlflowClient,
    small_disk: Callable[[str], Path],
    address: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    told: bool,
) -> None:
    cache = small_disk("1m")
    monkeypatch.setenv("PAWPRINT_CACHE", str(cache))
    # Where the length is told, before the first byte is written; else when there is no room left.
    said = r"photos\.zip needs \d\.\d MB in .*, and 1\.0 MB are free there" if told else r"a disk is full \(No space"
    with pytest.raises(UserError, match=said) as caught:
        run_download(address(told))
    assert MEND in str(caught.value)
    assert str(cache) in str(caught.value)
    assert newest(store).info.status == "FAILED"
    assert MEND in newest(store).data.tags["pawprint.error"]
    # What came so far stays, to be gone on with, and is no archive by its name.
    assert {path.suffix for path in cache.rglob("*") if path.is_file()} <= {".lock", ".partial"}
    small_disk("20m")
    run_download(address(told))
    assert newest(store).info.status == "FINISHED"


def test_artifacts_that_have_no_room(
    store: MlflowClient,
    small_disk: Callable[[str], Path],
    tiny_photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dataset's 240 x 64 x 64 x 3 bytes are 2.9 MB: known before a photo is decoded."""
    experiment = store.create_experiment("small", artifact_location=small_disk("2m").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    run_download(tiny_photos(photos=150))
    downloaded = newest(store, experiment)
    with monkeypatch.context() as patch:
        patch.setattr("pawprint.dataset.selection.decode_photo", lambda *_: pytest.fail("long work has begun"))
        with pytest.raises(UserError, match=r"the dataset needs 2\.9 MB in .*disk.*, and 1\.\d MB are free there"):
            run_preprocess(downloaded.info.run_id)
    assert newest(store, experiment).info.status == "FAILED"
    small_disk("20m")
    run_preprocess(downloaded.info.run_id)
    assert newest(store, experiment).info.status == "FINISHED"


def test_a_temporary_folder_that_has_no_room(
    store: MlflowClient,
    small_disk: Callable[[str], Path],
    tiny_photos: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tiny_photos(photos=800)
    scratch = small_disk("1m")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with pytest.raises(UserError, match=rf"a copy of {source} needs 1\.\d MB in {scratch}.*, and 1\.0 MB are free"):
        run_download(source)
    assert not list(scratch.iterdir())
    small_disk("20m")
    run_download(source)
    assert newest(store).info.status == "FINISHED"
