"""Several workers on one study: nothing twice, nothing lost, and the number of trials is that of all together."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawprint.base.files import PROJECT
from pawprint.models.architectures import recipe_for
from pawprint.tuning import study
from pawprint.tuning.search_space import search_space
from pawprint.tuning.study import Search, TrialResult, open_search
from tests.stores import run_postgres

SPACE = search_space(recipe_for("cnn"))
TRIALS = 10
WORKER = """
import sys, time
from tests.tuning.test_workers import TRIALS, shared_search

search, stuck_at = shared_search(sys.argv[1]), int(sys.argv[2])
while search.count_done() < TRIALS:
    if (started := search.start_trial(TRIALS)) is None:
        time.sleep(0.1)
        continue
    number, _ = started
    search.note_run(number, f"run {number}")
    with search.stay_alive(number):
        print(number, flush=True)
        time.sleep(600 if len(search.started()) == stuck_at else 0.3)
    search.finish_trial(number, 1 / (1 + number))
"""


def shared_search(storage: str, grace: int = 8) -> Search:
    """An open study whose workers are taken for dead after some seconds."""
    study.HEARTBEAT_SECONDS, study.GRACE_SECONDS = 1, grace
    return open_search("a study", storage, SPACE, seed=3, epochs=4, shared=True)


@pytest.fixture(autouse=True)
def usual_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "HEARTBEAT_SECONDS", study.HEARTBEAT_SECONDS)
    monkeypatch.setattr(study, "GRACE_SECONDS", study.GRACE_SECONDS)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/studies.db"
    else:
        with run_postgres() as url:
            yield url


def start_worker(storage: str, *, stuck_at: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", WORKER, storage, str(stuck_at)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def counted(results: list[TrialResult]) -> list[TrialResult]:
    return [one for one in results if one.state != "interrupted"]


@pytest.mark.slow
def test_a_killed_workers_trial_is_run_by_another(storage: str) -> None:
    killed, other = start_worker(storage, stuck_at=2), start_worker(storage)
    assert killed.stdout
    seen = [int(killed.stdout.readline()) for _ in range(2)]
    time.sleep(2)  # a live worker's trial is left alone, however long it takes
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    said, _ = other.communicate(timeout=120)

    assert other.returncode == 0
    found = shared_search(storage)
    results = found.results()
    if found._shared:
        found._shared.engine.dispose()
    assert [one.number for one in results if one.state == "interrupted" and one.run_id] == [seen[1]]
    done = counted(results)
    assert len(done) == TRIALS
    assert sorted([seen[0], *map(int, said.split())]) == [one.number for one in done]
    values = [tuple(one.values.values()) for one in done]
    assert values.count(tuple(one.start for one in SPACE.values())) == 1
    assert len(set(values)) == TRIALS


def test_a_worker_that_was_taken_for_dead_changes_nothing(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/studies.db"
    asleep, other = shared_search(storage, grace=1), shared_search(storage, grace=1)
    number, _ = asleep.start_trial(1) or pytest.fail()
    assert other.start_trial(1) is None
    assert other.count_elsewhere() == 1
    time.sleep(2.5)
    again, values = other.start_trial(1) or pytest.fail()
    assert values == {name: one.start for name, one in SPACE.items()}
    assert asleep.should_prune(number, 1, 0.5)
    asleep.finish_trial(number, 0.1)
    other.finish_trial(again, 0.2)
    assert asleep.is_interrupted(number)
    assert [(one.number, one.loss) for one in counted(other.results())] == [(again, 0.2)]
