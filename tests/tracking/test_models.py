"""A model logged for real: opened again, loaded by MLflow where the repository is not, and served."""

import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests

from benchmarks.untrained import log_network
from pawprint.base.errors import UserError
from pawprint.base.files import PROJECT
from pawprint.tracking.model_files import CODE_FILES, draw_example
from pawprint.tracking.models import open_photo_model
from tests.stores import make_store

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    # MLflow 3.17 with the SQLAlchemy and pandas of the lock.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
    pytest.mark.filterwarnings("ignore:Operation with range is deprecated"),
]

CLASSES = ("cats", "dogs")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory):
    import keras

    folder = tmp_path_factory.mktemp("store")
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(make_store(folder))
    experiment = mlflow.create_experiment("models", artifact_location=(folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        model = log_network(network, class_names=CLASSES)
    yield network, model
    mlflow.set_tracking_uri(before)


def model_folder(model) -> Path:
    return Path(mlflow.get_logged_model(model.model_id).artifact_location.removeprefix("file://"))


def test_it_opens_again_whole(logged) -> None:
    network, model = logged
    with open_photo_model(model.uri) as opened:
        assert (opened.class_names, opened.image_size, opened.architecture) == (CLASSES, 8, "cnn")
        assert (opened.model_id, opened.digest) == (model.model_id, model.digest)
        pixels = np.random.default_rng(0).integers(256, size=(3, 8, 8, 3)).astype(np.float32)
        np.testing.assert_array_equal(opened.network(pixels), network(pixels))


def test_it_carries_its_digest_its_needs_and_no_pickle(logged) -> None:
    _, model = logged
    assert mlflow.get_logged_model(model.model_id).tags["pawprint.model_digest"] == model.digest
    folder = model_folder(model)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix != ".pyc"}
    assert {name for name in files if (folder / name).is_file() and name.startswith("code/")} == {
        f"code/{name}" for name in CODE_FILES
    }
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in requirements)
    assert any(line.startswith("keras==") for line in requirements)


def test_a_downloaded_and_a_changed_model_are_told_apart(logged, tmp_path: Path) -> None:
    """MLflow adds files of its own to what it downloads; those are no damage."""
    _, model = logged
    mlflow.artifacts.download_artifacts(model.uri, dst_path=str(tmp_path))
    with open_photo_model(model.uri):
        pass
    description = model_folder(model) / "artifacts" / "model.json"
    original = description.read_text()
    try:
        description.write_text(original.replace("dogs", "cows"))
        with pytest.raises(UserError, match=r"model\.json"), open_photo_model(model.uri):
            pass
    finally:
        description.write_text(original)


def test_a_fresh_process_without_the_repository_answers_the_same(logged, tmp_path: Path) -> None:
    _, model = logged
    here = mlflow.pyfunc.load_model(model.uri).predict(pd.DataFrame({"image": [draw_example(), b"junk"]}))
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(draw_example())
    code = (
        "import mlflow, pandas, pathlib, sys\n"
        f"assert not any(pathlib.Path(p, 'pawprint').exists() for p in sys.path), sys.path\n"
        f"model = mlflow.pyfunc.load_model({str(model_folder(model))!r})\n"
        f"photos = pandas.DataFrame({{'image': [pathlib.Path({str(photo)!r}).read_bytes(), b'junk']}})\n"
        "answer = model.predict(photos)\n"
        "import pawprint.serving.classifier as used\n"
        "print(used.__file__)\n"
        "print(answer.to_json(orient='records', double_precision=15))\n"
    )
    # -I keeps PYTHONPATH and the working directory out.
    out = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    used, answer = out.stdout.strip().splitlines()[-2:]
    assert not Path(used).is_relative_to(PROJECT)
    there = json.loads(answer)
    for row, record in zip(here.to_dict(orient="records"), there, strict=True):
        assert (row["label"], row["error"]) == (record["label"], record["error"])
    np.testing.assert_allclose(here["probability_dogs"][0], there[0]["probability_dogs"], rtol=1e-6)


@pytest.fixture
def address(logged) -> Iterator[str]:
    """The model behind MLflow's own server on a free port, answering at most three photos at a time."""
    import uvicorn
    from mlflow.pyfunc import scoring_server

    _, model = logged
    served = mlflow.pyfunc.load_model(model.uri, model_config={"max_photos": 3})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(scoring_server.init(served), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/invocations"
        server.should_exit = True
        thread.join(timeout=30)


def test_it_is_served_in_every_request_format(address: str) -> None:
    text = base64.b64encode(draw_example()).decode()
    junk = base64.b64encode(b"no photo").decode()
    for body in (
        {"dataframe_split": {"columns": ["image"], "data": [[text], [junk]]}},
        {"dataframe_records": [{"image": text}, {"image": junk}]},
        {"inputs": {"image": [text, junk]}},
    ):
        response = requests.post(address, json=body, timeout=60)
        assert response.status_code == 200, response.text
        good, bad = response.json()["predictions"]
        assert good["label"] in CLASSES, (body, good)
        assert good["error"] == ""
        assert bad["label"] is None
        assert bad["probability"] is None
        assert "not a photo" in bad["error"]


def test_a_request_of_too_many_photos_is_a_bad_request(address: str) -> None:
    text = base64.b64encode(draw_example()).decode()
    response = requests.post(address, json={"inputs": {"image": [text] * 4}}, timeout=60)
    assert response.status_code == 400
    assert "at most 3" in response.text
