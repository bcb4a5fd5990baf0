from pathlib import Path

import pytest

from pawprint.base.errors import UserError
from pawprint.pipeline.chain import Chain
from pawprint.pipeline.preparation import prepare_dataset


def test_a_cache_that_cannot_be_made_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "file" / "cache"))
    chain = Chain(cache="on", plan=False)
    with pytest.raises(UserError, match="name another folder in PAWPRINT_CACHE"):
        prepare_dataset(chain, source="synthetic:4:0", labels="auto", keep_photos="copy", parameters={})
    assert chain.runs == []
