"""What is fetched is what lies in the store; `tests/faults/test_artifact_store.py` tries it with real servers."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from pawprint.base.errors import UserError
from pawprint.tracking import downloads
from pawprint.tracking import errors as store_errors
from pawprint.tracking.downloads import NothingThereError, fetch, list_sizes

FILES = {"things/a.bin": b"a" * 1000, "things/inner/b.bin": b"b" * 10, "things/inner/empty": b"", "other.bin": b"o"}
PLACE = "fake://store/run/"


class Store(ArtifactRepository):
    """Some files in memory; each transfer of one goes wrong in the next of the ways that are planned for it."""

    def __init__(self, *, sizes: bool = True) -> None:
        super().__init__(PLACE)
        self.sizes, self.plans, self.fetched = sizes, {name: [] for name in FILES}, []

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        within = [Path(name).relative_to(path or ".") for name in FILES if Path(name).is_relative_to(path or ".")]
        first = sorted({one.parts[0] for one in within if one.parts})
        names = {f"{path}/{name}" if path else name for name in first}
        return [FileInfo(name, name not in FILES, self.size(name)) for name in sorted(names)]

    def size(self, name: str) -> int | None:
        return len(FILES[name]) if self.sizes and name in FILES else None

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        self.fetched.append(remote_file_path)
        plan: list[Exception | str] = self.plans[remote_file_path]
        fault = plan.pop(0) if plan else None
        content = FILES[remote_file_path]
        Path(local_path).write_bytes(content[: len(content) // 2] if fault else content)
        if isinstance(fault, Exception):
            raise fault

    def log_artifact(self, *_: Any) -> None:
        raise NotImplementedError

    log_artifacts = log_artifact


@pytest.fixture
def open_store(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    monkeypatch.setattr(store_errors, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(store_errors, "LONGEST_PAUSE", 0.002)
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "1")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

    def start(**how: bool) -> Store:
        store = Store(**how)
        monkeypatch.setattr(downloads, "get_artifact_repository", lambda _: store)
        return store

    return start


def read(folder: Path) -> dict[str, bytes]:
    return {f"things/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


THINGS = {name: content for name, content in FILES.items() if name.startswith("things/")}


@pytest.mark.parametrize("sizes", [True, False])
def test_what_broke_off_is_fetched_again_and_what_came_is_not(
    open_store: Callable[..., Store], tmp_path: Path, sizes: bool
) -> None:
    store = open_store(sizes=sizes)
    store.plans["things/a.bin"] = [ConnectionError("reset") for _ in range(4)]
    assert read(fetch(f"{PLACE}things", tmp_path)) == THINGS
    assert store.fetched.count("things/a.bin") == 5
    # Where no sizes are told, what came when another broke off may be short, too.
    assert store.fetched.count("things/inner/b.bin") == (1 if sizes else 2)


def test_what_came_short_is_fetched_again(open_store: Callable[..., Store], tmp_path: Path) -> None:
    store = open_store()
    store.plans["things/a.bin"] = ["short", "short"]
    assert read(fetch(f"{PLACE}things", tmp_path)) == THINGS
    store.plans["other.bin"] = ["short"]
    assert fetch(f"{PLACE}other.bin", tmp_path).read_bytes() == b"o"
    assert store.fetched.count("other.bin") == 2


def test_what_never_comes_whole_is_said_in_a_line(
    open_store: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "0")
    store = open_store()
    store.plans["things/a.bin"] = ["short"] * 9
    with pytest.raises(NothingThereError, match=r"^can't be fetched \(500 of its 1000 bytes came\)$"):
        fetch(f"{PLACE}things", tmp_path)
    store.plans["things/a.bin"] = [ConnectionError("reset by\nthe store")] * 9
    with pytest.raises(NothingThereError, match=r"^can't be fetched \(reset by the store\)$"):
        fetch(f"{PLACE}things", tmp_path)


def test_what_is_not_there_and_what_has_no_room_is_not_waited_for(
    open_store: Callable[..., Store], tmp_path: Path
) -> None:
    store = open_store()
    for name in ("nothing", "thing", "things/no.bin"):
        with pytest.raises(NothingThereError, match="names nothing that is there"):
            fetch(PLACE + name, tmp_path)
    assert store.fetched == []
    store.plans["things/a.bin"] = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
    with pytest.raises(UserError, match="a disk is full"):
        fetch(f"{PLACE}things", tmp_path)
    assert store.fetched.count("things/a.bin") == 1


def test_sizes_are_told_by_the_path_within(open_store: Callable[..., Store]) -> None:
    open_store()
    assert list_sizes(f"{PLACE}things") == {"a.bin": 1000, "inner/b.bin": 10, "inner/empty": 0}
    assert list_sizes(f"{PLACE}other.bin") == {"": 1}
    assert list_sizes(f"{PLACE}nothing") == {}


def test_a_wait_that_is_no_number_is_said(open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    open_store()
    monkeypatch.setenv("PAWPRINT_WAIT_MINUTES", "soon")
    with pytest.raises(UserError, match="PAWPRINT_WAIT_MINUTES is 'soon'"):
        list_sizes(f"{PLACE}things")
