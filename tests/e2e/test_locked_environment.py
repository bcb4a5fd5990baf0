"""What the lock promises, in an environment that MLflow builds of requirements.txt alone: no test dependency helps."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def object_store() -> Iterator[dict[str, str]]:
    """Start an S3 server with a bucket `store`; yield the variables that lead there."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - moto takes any
    )
    client.create_bucket(Bucket="store")
    client.close()
    yield {
        "MLFLOW_S3_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


def test_main_keeps_its_artifacts_in_s3(
    object_store: dict[str, str],
    launch: Callable[..., Any],
    tiny_photos: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    at = launch(MLFLOW_ENV_ROOT=str(tmp_path / "envs"), **object_store)
    experiment = at.client.create_experiment("in a bucket", artifact_location="s3://store/runs")
    photos = ("-P", f"source={tiny_photos(photos=20)}", "-P", "image_size=32")
    at.run(
        *("--experiment-name", "in a bucket", "-P", "architecture=baseline", "-P", "epochs=1"), *photos, manager="uv"
    )
    runs = at.runs(experiment)
    assert [run.info.status for run in runs] == ["FINISHED"] * 5
    assert all(run.info.artifact_uri.startswith("s3://store/runs/") for run in runs)
