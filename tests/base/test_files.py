"""Files that are there whole, or not at all."""

import pytest

from pawprint.base.files import write_beside


def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_beside(path) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with write_beside(path) as beside, write_beside(path) as at_the_same_time:
        beside.write_text("new")
        at_the_same_time.write_text("newer")
        assert path.read_text() == "old"
    assert path.read_text() == "new"  # the block that ended last
    assert list(tmp_path.iterdir()) == [path]
