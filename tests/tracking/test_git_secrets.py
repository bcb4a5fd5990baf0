"""Where the code came from, as MLflow writes it down: without the token that a clone in CI has in its address."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pawprint.tracking.runs import start_step


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://x-access-token:PLANTED@host.test/pets/pawprint.git#sub", "https://host.test/pets/pawprint.git#sub"),
        ("https://PLANTED@host.test/pawprint.git", "https://host.test/pawprint.git"),
        ("ssh://git@host.test/pawprint.git", "ssh://git@host.test/pawprint.git"),
        ("git@host.test:pawprint.git", "git@host.test:pawprint.git"),
        ("/home/me@work/pawprint", "/home/me@work/pawprint"),
    ],
)
def test_no_token_of_the_code_s_address_stays(
    store: Path, monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    names = ("mlflow.source.name", "mlflow.source.git.repoURL")
    launched = MlflowClient().create_run("0", tags=dict.fromkeys(names, given)).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", launched)
    with start_step() as run:
        assert {run.data.tags[name] for name in names} == {kept}  # what a reused step takes
    tags = MlflowClient().get_run(launched).data.tags
    assert [tags[name] for name in names] == [kept, kept]
