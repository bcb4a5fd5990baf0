import subprocess
from pathlib import Path

import mlflow
import pytest

from pawprint.base.errors import UserError
from pawprint.report.replay import format_command, replay_main

COMMIT = "c" * 40


def command(parameters: dict[str, str], **tags: str) -> str:
    named = {name.replace("__", "."): value for name, value in tags.items()}
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT, **named}) as run:
        mlflow.log_params(parameters)
    return format_command(mlflow.get_run(run.info.run_id))


def test_from_a_url_it_is_one_command(store: Path) -> None:
    told = command(
        {"source": "'/my photos'", "epochs": "3", "cache": "on", "plan": "false", "register": "''"},
        mlflow__source__git__repoURL="https://example.org/p.git",
    )
    assert (
        told == f"mlflow run https://example.org/p.git -v {COMMIT} --env-manager uv -P source='/my photos' -P epochs=3"
    )


@pytest.mark.parametrize("dirty", ["true", "false"])
def test_from_a_folder_it_is_a_clone_and_the_diff_if_there_was_one(store: Path, dirty: str) -> None:
    told = command({"epochs": "3"}, mlflow__source__name="file:///my/pawprint", pawprint__git_dirty=dirty)
    assert f"git clone /my/pawprint again && git -C again checkout {COMMIT}" in told
    assert ("uncommitted.diff" in told) == (dirty == "true")
    assert told.splitlines()[-1] == "mlflow run again --env-manager uv -P epochs=3"


def test_a_commit_that_was_never_pushed_is_named_with_what_to_do(store: Path) -> None:
    place = store / "origin"
    subprocess.run(["git", "init", "--quiet", str(place)], check=True)
    with mlflow.start_run(tags={"mlflow.source.git.commit": COMMIT, "mlflow.source.git.repoURL": str(place)}) as run:
        pass
    with pytest.raises(UserError, match=rf"made from commit cccccccccccc, which can't be had from {place} .*: push it"):
        replay_main(mlflow.get_run(run.info.run_id), env_manager="local")


def test_what_a_clock_and_the_validation_photos_decided_is_not_decided_again(store: Path) -> None:
    told = command(
        {"architecture": "auto", "epochs": "30", "finetune": "auto", "minutes": "5"},
        mlflow__source__name="file:///my/pawprint",
        pawprint__used='{"architecture": "cnn", "epochs": "12", "width": "1.0"}',
    )
    words = told.splitlines()[-1].split(" -P ")[1:]
    assert words == ["architecture=cnn", "epochs=12", "finetune=auto", "minutes=0"]


def test_weights_are_those_that_an_alias_named_at_that_time(store: Path) -> None:
    parameters = {"weights": "models:/pets@champion", "epochs": "3"}
    assert "-P weights=models:/m-1 " in command(parameters, pawprint__weights="models:/m-1")
