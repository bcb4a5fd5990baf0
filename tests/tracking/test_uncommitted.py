"""What a working copy holds beyond its commit is kept with the run, whole, or it is said what is missing."""

import subprocess
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.report.replay import format_command, replay_main
from pawprint.tracking import uncommitted
from pawprint.tracking.runs import start_step
from pawprint.tracking.tags import get_tag
from pawprint.tracking.uncommitted import is_dirty, read_uncommitted


def git(*words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(store: Path) -> Path:
    (store / "code.py").write_text("one\n")
    (store / "steps").mkdir()
    (store / "steps" / "old.py").write_text("old\n")
    (store / "prod.env").write_text("A=1\n")
    (store / ".env").write_text("TOKEN=1\n")
    (store / ".gitignore").write_text("ignored.py\n*.db\n")
    git("init", "-q")
    git("add", "-f", ".gitignore", "code.py", "steps", ".env", "prod.env")
    git("commit", "-qm", "first")
    return store


def log_run() -> Run:
    with start_step() as run:
        pass
    return mlflow.get_run(run.info.run_id)


def test_a_clean_tree_leaves_nothing(repository: Path) -> None:
    for name in ("notes.md", "ignored.py", "steps/ignored.py", "photo.jpg"):
        (repository / name).write_text("not what a step reads")
    assert is_dirty() == "false"
    assert read_uncommitted() == uncommitted.Uncommitted("", "")


def test_a_changed_tree_leaves_its_diff_and_says_which_secrets_it_lacks(repository: Path) -> None:
    (repository / "code.py").write_text("two\n")
    for name in (".env", "prod.env"):
        (repository / name).write_text("TOKEN=hunter2\n")
    run = log_run()
    diff = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/uncommitted.diff")
    assert "-one" in diff
    assert "+two" in diff
    assert "hunter2" not in diff
    assert get_tag(run, "git_dirty") == "true"
    assert get_tag(run, "uncommitted_left_out") == (".env (its name is a secret's); prod.env (its name is a secret's)")


@pytest.mark.parametrize(
    "name", ["steps/new.py", "pawprint/room/new.py", "MLproject", "conda.yaml", "requirements.txt"]
)
def test_a_new_file_that_a_step_reads_is_dirty_and_in_the_diff(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(parents=True, exist_ok=True)
    (repository / name).write_text("a = 'new'\n")
    before = git("status", "--porcelain"), (repository / ".git" / "index").read_bytes()
    assert is_dirty() == "true"
    found = read_uncommitted()
    assert found.left_out == ""
    assert (git("status", "--porcelain"), (repository / ".git" / "index").read_bytes()) == before
    (repository / name).unlink()
    subprocess.run(["git", "apply", "-"], input=found.diff, text=True, check=True)
    assert (repository / name).read_text() == "a = 'new'\n"


def test_a_deleted_a_staged_and_a_binary_file_come_back(repository: Path) -> None:
    (repository / "steps" / "old.py").unlink()
    (repository / "code.py").write_bytes(b"\0\xff\xfe" * 50)
    (repository / "steps" / "staged.py").write_text("staged\n")
    git("add", "steps/staged.py")
    found = read_uncommitted()
    assert found.left_out == ""
    git("reset", "-q", "--hard")
    subprocess.run(["git", "apply", "-"], input=found.diff, text=True, check=True)
    assert not (repository / "steps" / "old.py").exists()
    assert (repository / "code.py").read_bytes() == b"\0\xff\xfe" * 50
    assert (repository / "steps" / "staged.py").read_text() == "staged\n"


@pytest.mark.parametrize(
    ("name", "content", "lacks"),
    [
        ("steps/secrets.py", b"KEY = 'hunter2'\n", "steps/secrets.py (its name is a secret's)"),
        ("code.py", b"x" * 300, "what comes after 200 bytes of "),
        ("code.py", "é\n".encode("latin-1"), "characters of files that are not UTF-8"),
    ],
)
def test_what_a_diff_lacks_is_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, lacks: str
) -> None:
    monkeypatch.setattr(uncommitted, "MAX_DIFF", 200)
    (repository / name).write_bytes(content)
    assert lacks in read_uncommitted().left_out
    assert is_dirty() == "true"


def test_a_diff_that_is_not_whole_is_not_replayed(repository: Path) -> None:
    tags = {
        "mlflow.source.git.commit": git("rev-parse", "HEAD").strip(),
        "mlflow.source.name": f"file://{repository}",
        "pawprint.git_dirty": "true",
        "pawprint.uncommitted_left_out": "steps/secrets.py (its name is a secret's)",
    }
    with mlflow.start_run(tags=tags) as started:
        pass
    run = mlflow.get_run(started.info.run_id)
    lacks = "lacks steps/secrets.py (its name is a secret's)"
    assert f"# This diff is not whole, so the same need not come out: it {lacks}" in format_command(run)
    with pytest.raises(UserError, match="which were not kept whole") as refused:
        replay_main(run, env_manager="local")
    assert lacks in str(refused.value)


def test_only_the_run_that_a_person_started_keeps_the_diff(repository: Path) -> None:
    (repository / "code.py").write_text("two\n")
    with mlflow.start_run(tags={"mlflow.parentRunId": "0" * 32}) as run:
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        with start_step():
            pass
    assert not mlflow.MlflowClient().list_artifacts(run.info.run_id)


def test_without_git_nothing_is_said(store: Path) -> None:
    assert is_dirty() is None
    assert read_uncommitted() == uncommitted.Uncommitted("", "")
