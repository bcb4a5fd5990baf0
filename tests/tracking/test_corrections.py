from dataclasses import replace
from pathlib import Path

import mlflow
import pytest

from pawprint.base.errors import UserError
from pawprint.dataset.corrections import Correction, write_corrections
from pawprint.tracking.corrections import digest_corrections, load_corrections

ROW = Correction("0" * 64, "1.jpg", "label", "cats", "dogs")


def write(path: Path, *rows: Correction) -> Path:
    write_corrections([(row, "") for row in rows], path)
    return path


@pytest.mark.usefixtures("store")
def test_files_and_runs_are_read_and_the_digest_is_that_of_their_rows(tmp_path: Path) -> None:
    anna = write(tmp_path / "anna.csv", ROW)
    ben = write(tmp_path / "ben.csv", replace(ROW, new_label="foxes"), replace(ROW, digest="1" * 64))
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(ben), "review")
    uri = f"runs:/{run.info.run_id}/review/ben.csv"
    assert len(load_corrections(f"{anna},{uri}")) == 3
    assert [row.new_label for row in load_corrections(f"{anna}>{uri}")] == ["dogs", "dogs"]
    assert load_corrections("") == []
    assert digest_corrections(str(ben)) == digest_corrections(uri) != digest_corrections(str(anna))
    with pytest.raises(UserError, match="is a folder"):
        load_corrections(f"runs:/{run.info.run_id}/review")
    with pytest.raises(UserError, match=r"runs:/<run id>/<path>/corrections\.csv"):
        load_corrections(f"runs:/{run.info.run_id}/other.csv")
