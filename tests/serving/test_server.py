"""`mlflow models serve` as a person starts it, alone and behind the nginx of docs/nginx.conf."""

import base64
import csv
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests

from benchmarks.processes import free_port
from pawprint.base.files import PROJECT
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.evaluation.results import write_predictions
from pawprint.models.prediction import predict_probabilities
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.tracking.model_files import draw_example
from pawprint.tracking.models import open_photo_model
from tests.serving.conftest import CLASSES, SIDE, Server, Stored, run_server

pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 with the SQLAlchemy and pandas of the lock.
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

MIB = 2**20
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
PHOTO = base64.b64encode(draw_example()).decode()
JSON = {"Content-Type": "application/json"}
BODY = {"dataframe_records": [{"image": PHOTO}]}


@pytest.fixture(scope="module")
def server(serve) -> Iterator[Server]:
    with serve() as running:
        requests.post(f"{running.address}/invocations", json=BODY, timeout=60)
        yield running


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """nginx with the documented configuration, its two ports replaced, and all it writes in a folder of its own."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    site = (PROJECT / "docs" / "nginx.conf").read_text("utf-8")
    assert site.count("127.0.0.1:5001") == site.count("127.0.0.1:8080") == 1
    site = site.replace("127.0.0.1:5001", server.address.removeprefix("http://"))
    (folder / "site.conf").write_text(site.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    temporary = "".join(f"{name}_temp_path temp;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    # Started by root, its worker would be nobody, who may not enter pytest's folder.
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off; pid nginx.pid; error_log stderr; events {{}} http {{ access_log off; {temporary} "
        f"include {folder}/site.conf; }}"
    )
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with run_server(command, f"http://127.0.0.1:{port}", seconds=20) as running:
        yield running


def post(server: Server, data: object = json.dumps(BODY), headers: dict[str, str] | None = None) -> requests.Response:
    return requests.post(f"{server.address}/invocations", data=data, headers=headers or JSON, timeout=120)


def check_alive(server: Server) -> None:
    (answer,) = post(server).json()["predictions"]
    assert answer["label"] in CLASSES
    assert answer["error"] == ""


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("{", 400, "valid JSON"),
        (b"\xff\xfe\x00", 400, "valid JSON"),
        ("[]", 400, "Received a list"),
        ("{}", 400, "dataframe_records"),
        (json.dumps({"dataframe_records": [{"photo": PHOTO}]}), 400, "image"),
        (json.dumps({"dataframe_records": [{"image": None}]}), 400, "image"),
        (json.dumps({"dataframe_records": [{"image": PHOTO}] * 257}), 400, "at most 256"),
    ],
)
def test_what_is_no_request_gets_a_reason_and_costs_nothing(
    server: Server, body: str | bytes, status: int, said: str
) -> None:
    response = post(server, body)
    assert (response.status_code, said in response.text) == (status, True), response.text
    check_alive(server)


def test_what_is_no_photo_leaves_its_neighbour_answered(server: Server) -> None:
    junk = base64.b64encode(b"no photo").decode()
    body = {"dataframe_split": {"columns": ["image"], "data": [[junk], [PHOTO]]}}
    bad, good = post(server, json.dumps(body)).json()["predictions"]
    assert bad["label"] is None
    assert "not a photo" in bad["error"]
    assert good["label"] in CLASSES
    assert bad["labels_95"] is None
    assert good["labels_95"][0] == good["label"]  # a list of text, as the signature says


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"inputs": {"image": ["abcde", PHOTO]}}, 200, "not a photo"),
        ({"dataframe_records": [{"image": "abcde"}, {"image": PHOTO}]}, 400, "not compatible with model signature"),
    ],
)
def test_a_text_that_is_no_base64(server: Server, body: object, status: int, said: str) -> None:
    response = post(server, json.dumps(body))
    assert (response.status_code, said in response.text) == (status, True), response.text


def test_the_proxy_refuses_what_the_server_would_choke_on(server: Server, proxy: Server) -> None:
    check_alive(proxy)
    before = server.memory()
    pixels = b"x" * (17 * MIB)
    assert post(proxy, pixels).status_code == 413
    assert post(proxy, (pixels[:MIB] for _ in range(17))).status_code == 413  # in chunks, its size unsaid
    for wrong in (
        "text/plain",
        "text/csv",
        "application/vnd.apache.parquet",
        "multipart/form-data; boundary=x",
        "json",
    ):
        assert post(proxy, "image\nx", {"Content-Type": wrong}).status_code == 415, wrong
    request = requests.Request("POST", f"{proxy.address}/invocations", data=b"x").prepare()
    request.headers.pop("Content-Type", None)
    assert requests.Session().send(request, timeout=60).status_code == 415
    assert post(proxy, headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 200
    assert requests.get(f"{proxy.address}/invocations", timeout=60).status_code == 405
    assert requests.get(f"{proxy.address}/docs", timeout=60).status_code == 404
    # None of it came through.
    assert server.memory() - before < 20 * MIB
    check_alive(proxy)


def test_fifty_clients_at_once_are_answered_by_both(server: Server, proxy: Server) -> None:
    for one in (server, proxy):
        with ThreadPoolExecutor(50) as clients:
            answers = list(clients.map(lambda _, one=one: post(one), range(100)))
        assert [answer.status_code for answer in answers] == [200] * 100
        assert len({answer.text for answer in answers}) == 1


def test_fifty_clients_with_garbage_cost_bounded_memory(server: Server, proxy: Server) -> None:
    """Half of it no JSON, which MLflow repeats ten times over in its answer; half of it photos that are none."""
    size = 2 * MIB
    garbage = [b"\xff" * size, json.dumps({"dataframe_records": [{"image": "A" * size}]}).encode()]
    before, peak = server.memory(), 0
    with ThreadPoolExecutor(50) as clients:
        pending = [clients.submit(post, proxy, garbage[number % 2]) for number in range(50)]
        while not all(one.done() for one in pending):
            peak = max(peak, server.memory())
            time.sleep(0.02)
    assert [one.result().status_code for one in pending] == [400, 200] * 25
    at_work = (os.cpu_count() or 1) + 4
    # Of each client a body and the answer ten times as long; more while it is made, by as many threads as asyncio has.
    assert peak - before < 50 * 11 * size + at_work * 30 * size
    check_alive(proxy)


def test_the_documented_requests_are_answered(server: Server, tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    (tmp_path / "rex.jpg").write_bytes(draw_example())
    text = (PROJECT / "docs" / "serving.md").read_text("utf-8")
    commands = [block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "/invocations" in block]
    assert len(commands) == 2
    for command in commands:
        line = command.replace("http://127.0.0.1:5001", server.address)
        assert line != command
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        (answer,) = json.loads(done.stdout)["predictions"]
        assert answer["error"] == ""
        assert answer["label"] in CLASSES


def test_the_server_answers_as_evaluate_does_row_by_row(
    server: Server, stored: Stored, real_photos: Path, tmp_path: Path
) -> None:
    fetch_photos(str(real_photos), tmp_path / "photos", keep_photos="reference", resolve_uri=Path)
    photos = load_photos(tmp_path / "photos")
    write_dataset(
        photos, tmp_path / "dataset", image_size=SIDE, train_images=20, test_images=500, validation_fraction=0, seed=0
    )
    test = load_dataset(tmp_path / "dataset").splits["test"]
    with open_photo_model(stored.model.uri) as model:
        probabilities = predict_probabilities(model.network, test.images, SIDE)
    write_predictions(test.labels, probabilities, CLASSES, test.members, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    by_name = {photos.name(photo): photo for photo in photos.photos}
    answers = []
    for start in range(0, len(expected), 100):
        texts = [
            base64.b64encode(photos.read(by_name[row["member"]])).decode() for row in expected[start : start + 100]
        ]
        answers += post(server, json.dumps({"dataframe_records": [{"image": text} for text in texts]})).json()[
            "predictions"
        ]
    assert len(answers) == len(expected) == 500
    assert [answer["label"] for answer in answers] == [row["prediction"] for row in expected]
    assert len({row["prediction"] for row in expected}) == 2
    columns = [f"probability_{name}" for name in CLASSES]
    there, here = (pd.DataFrame(rows)[columns].astype(float).to_numpy() for rows in (answers, expected))
    np.testing.assert_allclose(there, here, atol=1e-6)


def test_it_serves_in_an_environment_of_its_own_requirements(serve, tmp_path: Path) -> None:
    """Built by uv, away from this one; about a minute and a half, most of it downloads or uv's cache."""
    if not shutil.which("uv") and not (Path(subprocess.sys.executable).parent / "uv").is_file():
        pytest.skip("uv is not installed")
    with serve(manager="uv", seconds=600, MLFLOW_ENV_ROOT=str(tmp_path / "environments")) as running:
        check_alive(running)
        programs = " ".join(" ".join(one.cmdline()) for one in running.process.children(recursive=True))
        assert str(tmp_path / "environments") in programs, programs
