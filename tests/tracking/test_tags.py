"""Tags that hold many facts, and those of earlier versions, which had one for each."""

from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run

from pawprint.tracking.digests import groups_of
from pawprint.tracking.tags import MAX_TAG_CHARACTERS, get_tag, pack, set_tags, unpack


def tagged(**tags: object) -> Run:
    with mlflow.start_run() as run:
        set_tags(**tags)
    return mlflow.get_run(run.info.run_id)


def test_facts_become_one_tag_and_are_read_by_their_names(store: Path) -> None:
    run = tagged(environment={"cpu": "one", "git_dirty": None}, used={"width": 1.5}, digest={"files": "f"}, source="s")
    assert len([name for name in run.data.tags if name.startswith("pawprint.")]) == 4
    assert [get_tag(run, name) for name in ("cpu", "git_dirty", "used.width", "digest.files", "source", "host")] == [
        *("one", None, "1.5", "f", "s", None)
    ]
    assert groups_of(run) == {"files": "f"}


def test_a_tag_for_each_fact_is_read_the_same(store: Path) -> None:
    run = tagged(**{"cpu": "one", "used.width": 1.5, "digest.files": "f"})
    assert [get_tag(run, name) for name in ("cpu", "used.width", "digest.files")] == ["one", "1.5", "f"]
    assert groups_of(run) == {"files": "f"}


@pytest.mark.parametrize("length", [10, MAX_TAG_CHARACTERS, 100_000])
def test_there_is_room_for_the_longest(length: int) -> None:
    text = pack({"short": "s", "left_out": '"' * length})
    assert len(text) <= MAX_TAG_CHARACTERS
    assert unpack(text)["short"] == "s"


def test_a_tag_that_somebody_has_changed_holds_nothing() -> None:
    assert unpack("{") == unpack("[1]") == unpack("") == {}
