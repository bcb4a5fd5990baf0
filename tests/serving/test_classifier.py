"""The served model in process, on a network whose answer can be worked out by hand."""

import base64
import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from PIL import Image

from pawprint.base.files import hash_file, write_json
from pawprint.dataset.decode import decode_photo
from pawprint.dataset.decoding import USUAL, Decoding, read_decoding
from pawprint.models.prediction_sets import PredictionSets
from pawprint.serving.classifier import PhotoClassifier, photo_bytes
from pawprint.tracking.model_files import draw_example, overall_digest, read_model_files, write_model_files
from pawprint.tracking.models import photo_signature

# Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE = 8
ANSWER = ["label", "probability", "probability_dark", "probability_light"]


def brightness_network():
    """Answers (1 - b, b), b the photo's mean brightness from 0 to 1."""
    import keras

    pixels = keras.Input((SIDE, SIDE, 3))
    brightness = keras.ops.mean(pixels, axis=(1, 2, 3))[:, None] / 255.0
    return keras.Model(pixels, keras.ops.concatenate([1 - brightness, brightness], axis=1))


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_model_files(
        brightness_network(),
        folder,
        class_names=("dark", "light"),
        image_size=SIDE,
        architecture="cnn",
        dataset_digest="0" * 64,
    )
    return folder


@pytest.fixture(scope="module")
def classifier(model_files: Path) -> PhotoClassifier:
    return load(model_files)


def load(files: Path) -> PhotoClassifier:
    classifier = PhotoClassifier()
    classifier.load_context(
        SimpleNamespace(
            artifacts={
                "network": str(files / "network.keras"),
                "description": str(files / "model.json"),
                "digests": str(files / "digests.json"),
            },
            model_config={"max_photos": 100},
        )
    )
    return classifier


def photo(grey: int, image_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (20, 10), grey).save(buffer, image_format)
    return buffer.getvalue()


def test_photos_are_labelled_with_the_probability_of_each_class(classifier: PhotoClassifier) -> None:
    answer = classifier.predict(pd.DataFrame({"image": [photo(51), photo(204)]}))
    assert list(answer.columns) == [*ANSWER, "error"]  # as a model of an earlier version, without prediction sets
    assert photo_signature(["dark", "light"], with_sets=False).outputs.input_names() == list(answer.columns)
    assert answer["label"].tolist() == ["dark", "light"]
    np.testing.assert_allclose(answer["probability"], [0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(answer["probability_light"], [0.2, 0.8], atol=1e-6)
    assert answer["error"].tolist() == ["", ""]


def test_the_pixels_are_those_that_preprocess_makes(classifier: PhotoClassifier) -> None:
    data = draw_example()
    answer = classifier.predict(pd.DataFrame({"image": [data]}))
    assert answer["probability_light"][0] == pytest.approx(decode_photo(data, SIDE).mean() / 255, abs=1e-6)


def test_a_photo_is_decoded_as_the_training_photos_were(tmp_path: Path) -> None:
    facts = {"class_names": ("dark", "light"), "image_size": SIDE, "architecture": "cnn", "dataset_digest": "0" * 64}
    decoding = Decoding("pad", integers=(0, 4000))
    write_model_files(brightness_network(), tmp_path, **facts, decoding=decoding)
    wide = np.full((10, 20), 3000, np.uint16)  # the lower and upper half of the square are bars
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    answer = load(tmp_path).predict(pd.DataFrame({"image": [buffer.getvalue()]}))
    assert answer["probability_light"][0] == pytest.approx((191 + 127) / 2 / 255, abs=1e-6)


def test_the_labels_that_hold_the_true_one_stand_beside_the_label(tmp_path: Path) -> None:
    facts = {"class_names": ("dark", "light"), "image_size": SIDE, "architecture": "cnn", "dataset_digest": "0" * 64}
    write_model_files(brightness_network(), tmp_path, **facts, sets=PredictionSets(20, {90: 0.5, 95: 0.3, 99: None}))
    answer = load(tmp_path).predict([photo(51), b"junk", photo(150)])
    assert list(answer.columns) == [*ANSWER, "labels_95", "error"]
    assert answer["labels_95"].tolist() == [["dark"], None, ["light", "dark"]]
    assert photo_signature(["dark", "light"], with_sets=True).outputs.input_names() == list(answer.columns)


def test_where_nothing_can_be_promised_the_labels_are_null(tmp_path: Path) -> None:
    facts = {"class_names": ("dark", "light"), "image_size": SIDE, "architecture": "cnn", "dataset_digest": "0" * 64}
    write_model_files(brightness_network(), tmp_path, **facts, sets=PredictionSets(5, {90: None, 95: None, 99: None}))
    assert load(tmp_path).predict([photo(51), b"junk"])["labels_95"].tolist() == [None, None]


def test_a_model_that_says_nothing_of_it_decodes_as_before(model_files: Path, tmp_path: Path) -> None:
    shutil.copytree(model_files, tmp_path, dirs_exist_ok=True)
    description = json.loads((tmp_path / "model.json").read_text())
    del description["decoding"]
    write_json(description, tmp_path / "model.json")
    files = {name: hash_file(tmp_path / name) for name in ("model.json", "network.keras")}
    digests = {"schema_version": 1, "files": files, "digest": overall_digest(files)}
    write_json(digests, tmp_path / "digests.json")
    older = load(tmp_path)
    assert older.decoding == USUAL
    assert older.predict([photo(204)])["label"].tolist() == ["light"]
    assert read_decoding(read_model_files(tmp_path, uri="models:/m-1")) == USUAL


def test_base64_text_is_a_photo_too(classifier: PhotoClassifier) -> None:
    text = base64.encodebytes(photo(204)).decode()
    answer = classifier.predict(pd.DataFrame({"image": [photo(204), text, base64.b64encode(photo(204))]}))
    assert answer["error"].tolist() == ["", "", ""]
    assert answer["probability"].nunique() == 1


@pytest.mark.parametrize("kind", ["jpeg", "webp", "png", "svg+xml"])
@pytest.mark.parametrize("length", range(40, 44))
def test_data_urls_and_tensorflow_servings_way_are_base64_too(kind: str, length: int) -> None:
    photo = b"\xff\xd8\xff" + bytes(range(length))
    text = base64.b64encode(photo).decode()
    url = f"data:image/{kind};base64,{text}"
    for given in (url, url.encode(), f"data:image/{kind};name=a.b;base64,\n{text}", {"b64": text}, {"b64": url}):
        assert photo_bytes(given) == photo
    # As MLflow's server hands them over, by `inputs` and `instances`, and by the dataframe formats.
    assert photo_bytes(str({"b64": text}).encode()) == photo
    if len(kind) == 4:  # of others its decoding fails, and it answers 400
        assert photo_bytes(base64.b64decode(url)) == photo


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_no_photo_is_taken_for_base64(image_format: str) -> None:
    data = photo(204, image_format)
    assert photo_bytes(data) == data


@pytest.mark.parametrize(
    "bad",
    [b"", b"junk", photo(9)[:40], "not base64!", base64.b64encode(b"junk").decode(), None, float("nan"), 3, ["x"], {}],
)
def test_a_bad_photo_leaves_the_others_answered(classifier: PhotoClassifier, bad: object) -> None:
    answer = classifier.predict(pd.DataFrame({"image": pd.Series([photo(51), bad, photo(204)], dtype=object)}))
    assert answer["label"].tolist() == ["dark", None, "light"]
    assert answer["error"][1]
    assert answer.iloc[1, 1:4].tolist() == [None, None, None]  # not NaN, which is not JSON
    assert answer["error"].tolist()[::2] == ["", ""]


def test_no_path_and_no_url_is_opened(
    classifier: PhotoClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo(51))

    def refuse(*_args, **_kwargs):
        raise AssertionError("a request opened something")

    for name in ("builtins.open", "io.open", "socket.socket.connect"):
        monkeypatch.setattr(name, refuse)
    texts = [str(path), path.as_uri(), "http://127.0.0.1:9/a.jpg", "data:image/png;base64,AAAA"]
    answer = classifier.predict(pd.DataFrame({"image": [*texts, str(path).encode()]}))
    assert answer["label"].tolist() == [None] * 5
    assert all(answer["error"])


@pytest.mark.parametrize("form", [list, pd.Series, lambda photos: {"image": photos}, np.array])
def test_other_forms_of_a_batch(classifier: PhotoClassifier, form) -> None:
    assert classifier.predict(form([photo(51), photo(204)]))["label"].tolist() == ["dark", "light"]


def test_the_index_of_the_request_is_kept(classifier: PhotoClassifier) -> None:
    answer = classifier.predict(pd.DataFrame({"image": [photo(51), b"junk"]}, index=["a", "b"]))
    assert answer.index.tolist() == ["a", "b"]


def test_more_than_one_batch_of_the_network_comes_back_in_order(
    classifier: PhotoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawprint.serving.classifier.BATCH_SIZE", 3)
    greys = [10, 250, 20, 240, 30, 230, 40]
    answer = classifier.predict(pd.DataFrame({"image": [photo(grey) for grey in greys]}))
    np.testing.assert_allclose(answer["probability_light"] * 255, greys, atol=1e-3)


def test_nothing_asked_nothing_answered(classifier: PhotoClassifier) -> None:
    answer = classifier.predict(pd.DataFrame({"image": []}))
    assert len(answer) == 0
    assert "probability_light" in answer


def test_too_many_photos_are_refused_as_the_callers_mistake(classifier: PhotoClassifier) -> None:
    with pytest.raises(MlflowException, match="at most 100") as error:
        classifier.predict(pd.DataFrame({"image": [b"x"] * 101}))
    assert error.value.get_http_status_code() == 400


def test_a_task_of_spark_may_bring_more_and_keeps_its_nulls(
    classifier: PhotoClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/serving/test_spark.py asks Spark itself."""
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(TaskContext=SimpleNamespace(get=object)))
    answer = classifier.predict(pd.DataFrame({"image": [photo(51)] * 100 + [b"junk"]}))
    as_spark_casts = answer["label"].astype(np.str_)
    assert as_spark_casts[0] == "dark"
    assert as_spark_casts[100] is None
    lost = classifier.predict(pd.DataFrame({"image": [b"junk"]}))
    assert set(lost.drop(columns="error").iloc[0]) == {None}


def test_a_missing_column_is_refused_as_the_callers_mistake(classifier: PhotoClassifier) -> None:
    with pytest.raises(MlflowException, match="'photo'") as error:
        classifier.predict(pd.DataFrame({"photo": [b"x"]}))
    assert error.value.get_http_status_code() == 400
