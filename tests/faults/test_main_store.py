"""A whole main run against an artifact store that fails: for a while, now and then, or for good."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from pawprint.report.graph import find_lineage
from pawprint.report.verify import verify_lineage
from pawprint.tracking.digests import find_damage
from tests.faults.proxies import FaultyProxy, failing

pytestmark = pytest.mark.slow

STEPS = ("main", "download", "preprocess", "train", "evaluate")
# MLflow's own tries, of which there are seven with pauses of a minute in the end, are not what is tested.
BRIEF = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0"}


@pytest.fixture
def proxy(shared_server: Any) -> Iterator[FaultyProxy]:
    with failing(shared_server.uri) as proxy:
        yield proxy


@pytest.fixture
def run_main(
    proxy: FaultyProxy, start: Callable[..., subprocess.Popen[str]], tiny_photos: Callable[..., Path]
) -> Callable[..., tuple[int, str]]:
    def run(cache: str, **variables: str) -> tuple[int, str]:
        given = {
            "source": tiny_photos(photos=20),
            "architecture": "baseline",
            "image_size": 32,
            "epochs": 2,
            "cache": cache,
        }
        words = [word for name, value in given.items() for word in ("-P", f"{name}={value}")]
        running = start(*words, MLFLOW_TRACKING_URI=proxy.uri, **BRIEF, **variables)
        said, _ = running.communicate(timeout=600)
        return running.returncode, said

    return run


@pytest.mark.parametrize(
    "when", [{"times": 10**6, "every": 9}, {"times": 8, "where": "/models/"}], ids=["now and then", "for a while"]
)
def test_a_store_that_fails_and_comes_back_costs_nothing(
    shared_server: Any, proxy: FaultyProxy, run_main: Callable[..., tuple[int, str]], when: dict[str, Any]
) -> None:
    proxy.fail("PUT|GET", "answers 503", "breaks off", "truncates", "refuses", **when)
    code, said = run_main(cache="off")  # what another test has made would need no transfers
    assert code == 0, said
    assert "Traceback" not in said
    assert "trying again" in said
    proxy.fail("", "", times=0)
    mlflow.set_tracking_uri(shared_server.uri)
    for step in STEPS:
        run = shared_server.newest(step)
        assert run.info.status == "FINISHED", step
        assert find_damage(run, thorough=True) == [], step
    main = shared_server.newest("main").info.run_id
    assert [check.damage for check in verify_lineage(find_lineage(main)) if check.damage] == []
    assert "its report.html tells the whole story\n" in mlflow.artifacts.load_text(f"runs:/{main}/logs/console.txt")


@pytest.mark.parametrize(
    ("where", "step", "cache"),
    [("/models/", "train", "off"), ("/report.html", "main", "on")],  # for its own report main need train nothing again
    ids=["model", "report"],
)
def test_a_store_that_stays_broken_ends_main_in_one_line(
    shared_server: Any, proxy: FaultyProxy, run_main: Callable[..., tuple[int, str]], where: str, step: str, cache: str
) -> None:
    proxy.fail("PUT", "answers 503", times=10**6, where=where)
    code, said = run_main(cache, PAWPRINT_WAIT_MINUTES="0.05")
    assert code != 0
    assert proxy.tried > 1, said
    # Those of MLflow's launcher are its own.
    assert "pawprint" not in "".join(said.split("Traceback")[1:]), said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == (1 if step == "main" else 2), said  # the step's, and main's, which quotes it
    assert all(re.search(r"could not be stored whole at mlflow-artifacts:/", line) for line in errors)
    for run in (shared_server.newest("main"), shared_server.newest(step)):
        assert run.info.status == "FAILED"
        assert "could not be stored whole" in run.data.tags["pawprint.error"]
