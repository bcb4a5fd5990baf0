"""docs/tutorial.md is typed from top to bottom, as it stands, in a folder with tiny drawn photos."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks.processes import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="the tutorial asks with curl, which is not installed"),
]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial.md"
# What is not as it stands: the environment that the tests run in, already there with the clone, in place of one that
# is built for minutes; and free ports.
INSTALLS = 'pip install "mlflow==3.17.2" uv\ngit clone <git URL> pawprint\n'
MANAGER = "--env-manager uv"


def read_commands() -> str:
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    assert commands.startswith(INSTALLS)
    assert commands.count(MANAGER) == 4
    commands = commands.removeprefix(INSTALLS).replace(MANAGER, "--env-manager local")
    for port in ("5000", "5001"):
        assert port in commands
        commands = commands.replace(port, str(free_port()))
    return commands


def test_the_tutorial_leads_from_photos_to_an_answer(tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_photos(classes=("robins", "wrens"), photos=20, name="garden/photos").parent
    new = tiny_photos(classes=("robins", "wrens"), photos=3, seed=1, name="garden/drawn")
    (folder / "new-photos").mkdir()
    for number, photo in enumerate(sorted(new.rglob("*.jpg")), start=1):
        photo.rename(folder / "new-photos" / f"{number}.jpg")
    (folder / "pawprint").symlink_to(ROOT)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PAWPRINT_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        environment.pop(name, None)
    said, errors = tmp_path / "said.txt", tmp_path / "errors.txt"
    with said.open("w") as output, errors.open("w") as error:
        shell = subprocess.Popen(
            ["bash", "-e", "-c", read_commands()],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=error,
            start_new_session=True,
        )
        try:
            code = shell.wait(timeout=400)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)  # the two servers, which a person ends with `kill %1 %2`
    told = said.read_text() + errors.read_text()
    assert code == 0, told
    answer = re.findall(r'\{"predictions": .*\}', said.read_text())
    assert answer, told
    (row,) = json.loads(answer[-1])["predictions"]
    assert row["label"] in {"robins", "wrens"}
    assert row["probability_robins"] + row["probability_wrens"] == pytest.approx(1)

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs(["0"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    steps = [run.data.tags["mlflow.project.entryPoint"] for run in runs]
    assert sorted(set(steps)) == ["download", "evaluate", "main", "predict", "preprocess", "train"]
    assert client.get_model_version_by_alias("birds", "champion").run_id in {run.info.run_id for run in runs}
    assert len(list((folder / "mlruns").rglob("report.html"))) == steps.count("main") == 2
    (predictions,) = (folder / "mlruns").rglob("predictions/predictions.csv")
    assert len(predictions.read_text("utf-8").splitlines()) == 1 + 6
