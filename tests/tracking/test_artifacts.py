from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from pawprint.base.errors import UserError
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.runs import start_step
from pawprint.tracking.tags import get_tag


def test_an_artifact_of_this_machine_is_read_where_it_lies(store: Path, log_folder: Callable[..., str]) -> None:
    uri = log_folder("things", a="a")
    with open_artifact(uri, expected="runs:/<run id>/things") as path:
        assert (path / "a.txt").read_text() == "a"
        assert store / "mlruns" in path.parents


@pytest.mark.parametrize(
    "uri",
    ["runs:/", "runs:/abc", "/some/path", "s3://bucket/x", "runs:/0123456789abcdef0123456789abcdef/x", "models:/m-0"],
)
def test_what_names_nothing_is_told_with_what_was_expected(store: Path, uri: str) -> None:
    with (
        pytest.raises(UserError, match="expected runs:/<run id>/things"),
        open_artifact(uri, expected="runs:/<run id>/things"),
    ):
        pass


def test_a_missing_path_of_a_real_run_is_told(store: Path, log_folder: Callable[..., str]) -> None:
    uri = log_folder("things", a="a")
    with pytest.raises(UserError, match="names nothing"), open_artifact(f"{uri}/nothing", expected="x"):
        pass


def test_a_failing_step_tags_its_run_with_the_reason(store: Path) -> None:
    with pytest.raises(UserError), start_step() as run:
        raise UserError("the moon is full")
    failed = mlflow.get_run(run.info.run_id)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["pawprint.error"] == "the moon is full"
    assert get_tag(failed, "pid")
