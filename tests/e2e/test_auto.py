"""`architecture=auto` within a few minutes: tried, chosen, told, and the same again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pawprint.models.architectures import CANDIDATES
from pawprint.report.graph import find_lineage
from pawprint.report.replay import format_command
from pawprint.tracking.tags import PARENT_TAG, get_tag

pytestmark = pytest.mark.slow


def test_one_is_chosen_judged_and_told_and_the_same_command_decides_the_same(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = launch()
    words = ["architecture=auto", "minutes=1", "image_size=48", "epochs=2", f"source={tiny_photos(photos=60)}"]
    given = [word for one in words for word in ("-P", one)]
    said = at.run(*given).stdout
    main = at.newest("main")
    chosen = get_tag(main, "used.architecture")
    assert chosen in CANDIDATES

    children = [run for run in at.runs() if run.data.tags.get(PARENT_TAG) == main.info.run_id]
    steps = [(run.data.tags["mlflow.project.entryPoint"], run.data.params.get("architecture")) for run in children]
    tried = [architecture for step, architecture in steps if step == "train"]
    assert tried in ([CANDIDATES[0]], list(CANDIDATES))
    assert [step for step, _ in steps].count("evaluate") == 1  # the test photos see the chosen one alone
    monkeypatch.setenv("MLFLOW_TRACKING_URI", at.tracking_uri)
    mlflow.set_tracking_uri(at.tracking_uri)
    lineage = find_lineage(main.info.run_id)
    assert [training.run.data.params["architecture"] for training in lineage.trainings] == [chosen]
    assert lineage.preprocess
    assert lineage.preprocess.info.run_id in lineage.trainings[0].run.data.params["dataset"]

    report = Path(mlflow.artifacts.download_artifacts(f"runs:/{main.info.run_id}/report.html")).read_text("utf-8")
    for told in (said, report, main.data.tags["mlflow.note.content"]):
        assert re.search(rf"{CANDIDATES[0]} reached a validation loss of \d", told)
        assert f"{chosen} was chosen (architecture=auto)" in told
    replayed = format_command(main)
    assert {f"architecture={chosen}", "minutes=0", f"epochs={get_tag(main, 'used.epochs')}"} <= set(replayed.split())

    at.run(*given)
    again = at.newest("main")
    assert get_tag(again, "used") == get_tag(main, "used")
    repeated = [run for run in at.runs() if run.data.tags.get(PARENT_TAG) == again.info.run_id]
    assert all(get_tag(run, "cached_from") for run in repeated)
    assert len(repeated) == len(children)
