"""What report.html claims of a training."""

from types import SimpleNamespace

import pytest

from pawprint.report.page import describe_variation


@pytest.mark.parametrize(
    ("tags", "varied"),
    [({"used.augmentation": "1.0"}, True), ({"used.augmentation": "0.0"}, False), ({}, False)],
    ids=["as measured", "switched off", "pretrained"],
)
def test_photos_are_said_to_be_varied_only_where_they_were(tags: dict[str, str], varied: bool) -> None:
    main = SimpleNamespace(data=SimpleNamespace(tags={f"pawprint.{name}": value for name, value in tags.items()}))
    assert ("varied each time" in describe_variation(main)) == varied
    assert ("as they are" in describe_variation(main)) != varied
