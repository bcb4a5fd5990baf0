import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawprint.base.errors import UserError
from pawprint.base.space import check_space, explain_full_disk


def test_too_little_room_is_said_with_folder_needed_and_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    check_space("a copy", {tmp_path / "not" / "there": 3_000_000})
    with pytest.raises(UserError, match=r"a copy needs 3\.2 MB in .*there, and 3\.0 MB are free there; free some"):
        check_space("a copy", {tmp_path / "not" / "there": 3_200_000})


def test_folders_on_one_disk_share_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    with pytest.raises(UserError, match=r"needs 4\.0 MB in .*one and .*two, and 3\.0 MB"):
        check_space("a copy", {tmp_path / "one": 2_000_000, tmp_path / "two": 2_000_000})


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Unable to write (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_known_whatever_it_was_wrapped_in(cause: Exception, tmp_path: Path) -> None:
    wrapped = ValueError("could not be saved")
    wrapped.__cause__ = cause
    explained = explain_full_disk(wrapped, tmp_path / "cache")
    assert explained is not None
    assert f"are free in {tmp_path}" in str(explained)
    assert "PAWPRINT_CACHE" in str(explained)


def test_another_error_stays_what_it_is() -> None:
    assert explain_full_disk(OSError(errno.EACCES, "Permission denied")) is None
    assert explain_full_disk(ValueError("no")) is None
