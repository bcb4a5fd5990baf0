"""The whole story as a user starts it, on drawn or tiny photos and few epochs."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests

from pawprint.tracking.tags import get_tag

pytestmark = pytest.mark.slow

Launch = Callable[..., Any]
TinyPhotos = Callable[..., Path]
MOST_TAGS = 10
OF_ANY = ("-P", "epochs=1", "-P", "image_size=32")
# The smallest network, where another would take longer to learn nothing more.
QUICK = (*OF_ANY, "-P", "architecture=baseline")


def test_tree_of_runs_is_complete_and_each_step_runs_alone(launch: Launch, tiny_photos: TinyPhotos) -> None:
    at = launch()
    source = tiny_photos(classes=("ant", "bee", "cow"), photos=30)
    done = at.run(*OF_ANY, "-P", f"source={source}", "-P", "repeats=2", "--run-name", "all of it")
    main, *children = at.runs()
    assert main.info.run_name == "all of it"
    names = [run.info.run_name for run in children]
    assert names == ["download", "preprocess", "train 1", "evaluate 1", "train 2", "evaluate 2"]
    for run in (main, *children):
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.source.git.commit"]
    for run in children:
        assert run.data.tags["mlflow.parentRunId"] == main.info.run_id
    for name in ("test_accuracy", "test_f1", "test_roc_auc"):
        first, second = (run.data.metrics[name] for run in children if run.info.run_name.startswith("evaluate"))
        assert main.data.metrics[f"{name}_mean"] == pytest.approx((first + second) / 2)
    assert "mean" in done.stdout
    assert main.data.tags["pawprint.best_model"] in done.stdout
    doubts = f"runs:/{main.info.run_id}/suspicious_labels.csv"
    with Path(mlflow.artifacts.download_artifacts(doubts, tracking_uri=at.tracking_uri)).open() as file:
        assert file.readline().startswith("member,split,label,suggestion,")

    download, preprocess, train = (at.newest(name) for name in ("download", "preprocess", "train"))
    photos, dataset = f"runs:/{download.info.run_id}/photos", f"runs:/{preprocess.info.run_id}/dataset"
    model = f"models:/{train.outputs.model_outputs[0].model_id}"
    at.run("-e", "download", "-P", f"source={photos}")
    assert at.newest("download").data.tags["pawprint.photos_sha256"] == main.data.tags["pawprint.photos_sha256"]
    at.run("-e", "preprocess", "-P", f"photos={photos}", "-P", "image_size=32")
    assert at.newest("preprocess").data.tags["pawprint.dataset_digest"] == main.data.tags["pawprint.dataset_digest"]
    at.run("-e", "evaluate", "-P", f"dataset={dataset}", "-P", f"model={model}")
    assert at.newest("evaluate").data.metrics == children[-1].data.metrics
    # The second repeat's seed and main's values again: the same figures to the last digit.
    again = ("-P", "epochs=1", "-P", "seed=1")
    at.run("-e", "train", "-P", f"dataset={dataset}", *again)
    repeated = {k: v for k, v in at.newest("train").data.metrics.items() if k.startswith(("train_", "validation_"))}
    assert repeated == {k: v for k, v in train.data.metrics.items() if k in repeated}
    assert repeated

    read = {one.tags[0].value: one.dataset for one in train.inputs.dataset_inputs}
    made = {one.tags[0].value: one.dataset for one in preprocess.inputs.dataset_inputs}
    assert set(read) == {"training", "validation"}
    assert set(made) == {"training", "validation", "testing"}
    assert made["training"].to_dictionary() == read["training"].to_dictionary()
    assert main.data.tags["pawprint.dataset_digest"].startswith(read["training"].digest)
    assert json.loads(read["training"].source) == {"uri": photos}
    # search_runs leaves the models out of a run's inputs.
    evaluation = at.client.get_run(children[-1].info.run_id)
    assert [one.model_id for one in evaluation.inputs.model_inputs] == [model.removeprefix("models:/")]
    scored = at.client.get_logged_model(model.removeprefix("models:/"))
    assert scored.params["seed"] == "1"
    accuracy = next(metric for metric in scored.metrics if metric.key == "test_accuracy")
    assert accuracy.dataset_digest == made["testing"].digest
    for run in (main, *children):
        assert run.data.tags["mlflow.note.content"]
    assert f"models/{model.removeprefix('models:/')}" in main.data.tags["mlflow.note.content"]

    # A dataset of another size is resized to the model's, and said so.
    at.run("-e", "preprocess", "-P", f"photos={photos}", "-P", "image_size=48")
    other = f"runs:/{at.newest('preprocess').info.run_id}/dataset"
    done = at.run("-e", "evaluate", "-P", f"dataset={other}", "-P", f"model={model}")
    assert "resized to the model's 32 px" in done.stdout


def test_failing_child_fails_main_with_its_name_run_and_reason(launch: Launch, tiny_photos: TinyPhotos) -> None:
    at = launch()
    source = tiny_photos(photos=40)
    for number, path in enumerate(sorted((source / "cats").iterdir())[:20]):
        path.write_bytes(b"\xff\xd8\xff broken %d" % number)
    done = at.run(*QUICK, "-P", f"source={source}", check=False)
    assert done.returncode != 0
    main, download, preprocess = at.runs()
    assert [run.info.status for run in (main, download, preprocess)] == ["FAILED", "FINISHED", "FAILED"]
    line = next(text for text in done.stderr.splitlines() if text.startswith("error: preprocess failed"))
    assert preprocess.info.run_id in line
    assert "20 of 80 photos can't be read" in line
    assert 'File "' not in done.stderr.split("error: preprocess failed")[1].split("error:")[0]


def test_dataset_uri_that_is_not_ours_is_refused(launch: Launch, tiny_photos: TinyPhotos) -> None:
    at = launch()
    at.run("-e", "download", "-P", f"source={tiny_photos(photos=8)}")
    photos = f"runs:/{at.newest('download').info.run_id}/photos"
    for uri in (photos, "runs:/0123456789abcdef0123456789abcdef/dataset", "runs:/nothing"):
        done = at.run("-e", "train", "-P", f"dataset={uri}", check=False)
        assert done.returncode != 0
        assert any(line.startswith("error: ") for line in done.stderr.splitlines())
    assert {run.info.status for run in at.runs()} == {"FINISHED", "FAILED"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """An `mlflow server` that proxies its artifacts; nobody else gets to see its files."""
    folder = tmp_path / "server"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"),
            *("--workers", "1"),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                if requests.get(f"{uri}/health", timeout=1).ok:
                    break
            except requests.RequestException:
                time.sleep(0.5)
        else:
            pytest.fail("mlflow server did not come up within a minute")
        yield uri
    finally:
        import psutil

        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for member in family:
            member.terminate()
        psutil.wait_procs(family, timeout=10)
        process.wait(timeout=10)


def test_against_a_server_with_proxied_artifacts_and_a_named_experiment(
    launch: Launch, server: str, tiny_photos: TinyPhotos
) -> None:
    at = launch(server)
    source = tiny_photos(photos=20)
    at.run(*QUICK, "-P", f"source={source}", "--experiment-name", "pets")
    experiment = at.client.get_experiment_by_name("pets").experiment_id
    assert [run.info.status for run in at.runs(experiment)] == ["FINISHED"] * 5
    assert at.runs() == []
    assert not (at.folder / "mlruns").exists()

    mlflow.set_tracking_uri(server)
    main = at.runs(experiment)[0]
    model = mlflow.pyfunc.load_model(main.data.tags["pawprint.best_model"])
    photo = next((source / "cats").iterdir()).read_bytes()
    import pandas as pd

    answer = model.predict(pd.DataFrame({"image": [photo]}))
    assert answer["label"][0] in {"cats", "dogs"}


@pytest.fixture
def git_url(tmp_path: Path) -> Iterator[str]:
    """This working copy, committed to a bare repository behind `git daemon`: MLflow clones no existing local path."""
    root = Path(__file__).parents[2]
    bare = tmp_path / "served" / "pawprint.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(root), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "symbolic-ref", "HEAD", "refs/heads/main"], check=True)
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    subprocess.run(["git", "-C", str(bare), "update-ref", "refs/heads/main", head.stdout.strip()], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *("git", "daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1", f"--port={port}"),
            *(f"--base-path={bare.parent}", str(bare.parent)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"git://127.0.0.1:{port}/pawprint.git"
    import psutil

    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.terminate()
    process.wait(timeout=10)


def test_by_git_url(launch: Launch, git_url: str, tiny_photos: TinyPhotos) -> None:
    at = launch()
    at.run(*QUICK, "-P", f"source={tiny_photos(photos=20)}", project=git_url)
    main, *children = at.runs()
    assert main.data.tags["mlflow.source.git.repoURL"] == git_url
    assert {run.info.status for run in (main, *children)} == {"FINISHED"}
    assert {get_tag(run, "git_dirty") for run in (main, *children)} == {"false"}
    done = at.run("-P", "source=photos", project=git_url, check=False)
    assert "absolute path" in done.stderr


def test_photos_kept_by_reference_are_read_where_they_are(launch: Launch, tiny_photos: TinyPhotos) -> None:
    at = launch()
    source = tiny_photos(photos=20)
    at.run(*QUICK, "-P", f"source={source}", "-P", "keep_photos=reference")
    download = at.newest("download")
    names = [item.path for item in at.client.list_artifacts(download.info.run_id, "photos")]
    assert all(name.endswith((".json", ".csv")) for name in names)


def test_the_runs_page_has_model_and_datasets_and_few_tags(launch: Launch, tiny_photos: TinyPhotos) -> None:
    at = launch()
    at.run(*QUICK, "-P", f"source={tiny_photos(photos=20)}", "-P", "register=pets")
    for run in at.runs():
        assert len([name for name in run.data.tags if name.startswith("pawprint.")]) <= MOST_TAGS
    main = at.client.get_run(at.newest("main").info.run_id)
    assert [f"models:/{one.model_id}" for one in main.outputs.model_outputs] == [main.data.tags["pawprint.best_model"]]
    assert {one.tags[0].value for one in main.inputs.dataset_inputs} == {"training", "validation", "testing"}


@pytest.mark.real_photos
def test_real_photos_give_the_split_of_their_folders(launch: Launch, real_photos: Path) -> None:
    at = launch()
    at.run("-e", "download", "-P", f"source={real_photos}")
    at.run("-e", "preprocess", "-P", f"photos=runs:/{at.newest('download').info.run_id}/photos", "-P", "image_size=32")
    run = at.newest("preprocess")
    path = at.client.download_artifacts(run.info.run_id, "dataset/dataset.json")
    counts = json.loads(Path(path).read_text("utf-8"))["counts"]
    assert counts["test"] == {"cats": 250, "dogs": 250}
    assert sum(counts["train"].values()) + sum(counts["validation"].values()) == 1500


@pytest.mark.parametrize("manager", ["uv", "virtualenv"])
def test_environment_is_built_from_the_lock(
    manager: str, tmp_path: Path, tiny_photos: TinyPhotos, launch: Launch
) -> None:
    """Needs a package index, and for virtualenv (MLflow's default) pyenv, as the README says."""
    if manager == "virtualenv" and not shutil.which("pyenv"):
        pytest.skip("pyenv is not installed, without which MLflow's virtualenv manager can't run")
    at = launch(MLFLOW_ENV_ROOT=str(tmp_path / "envs"))
    at.run("-e", "download", "-P", f"source={tiny_photos(photos=8)}", manager=manager)
    run = at.newest("download")
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.project.env"] == manager
    assert list((tmp_path / "envs").iterdir())
