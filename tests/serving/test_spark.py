"""The logged model asked by Spark, on this machine. Wants Java and PySpark: `make test-spark` brings the second."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.tracking.model_files import draw_example
from tests.serving.conftest import CLASSES, Stored

pyspark = pytest.importorskip("pyspark", reason="PySpark, 470 MB, is in no lock: make test-spark")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java: apt-get install default-jre-headless"),
    pytest.mark.filterwarnings("ignore"),  # PySpark 4.1's, on the Python, pandas and sockets that it is run with
]

PHOTOS = 601
BROKEN = 300


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    running = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse"))).getOrCreate()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rows(stored: Stored, session: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The answers of `pets@champion` to a folder of photos, one of them broken, by the commands of docs/serving.md."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        (folder / f"{number:03}.jpg").write_bytes(b"no photo" if number == BROKEN else draw_example())
    client = MlflowClient()
    client.create_registered_model("pets")
    version = client.create_model_version("pets", stored.model.uri, model_id=stored.model.model_id)
    client.set_registered_model_alias("pets", "champion", version.version)

    label = mlflow.pyfunc.spark_udf(session, "models:/pets@champion", env_manager="local")
    photos = session.read.format("binaryFile").load(str(folder)).coalesce(1)
    answered: list[Any] = photos.select("path", label("content").alias("answer")).orderBy("path").collect()
    return answered


def test_a_partition_larger_than_a_request_is_answered(rows: list[Any]) -> None:
    assert [Path(row.path).stem for row in rows] == [f"{number:03}" for number in range(PHOTOS)]
    answers = [row.answer for number, row in enumerate(rows) if number != BROKEN]
    assert all(answer.label in CLASSES and answer.error == "" for answer in answers)
    assert all(answer.labels_95[0] == answer.label for answer in answers)
    assert all(answer.probability == max(answer.probability_cats, answer.probability_dogs) for answer in answers)


def test_a_broken_photo_has_nulls_and_a_reason(rows: list[Any]) -> None:
    answer = rows[BROKEN].answer.asDict()
    assert "not a photo" in answer.pop("error")
    assert set(answer.values()) == {None}
